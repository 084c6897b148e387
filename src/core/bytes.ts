/**
 * Bytes and their text forms. Decoders are strict: what does not re-encode to itself is refused, so that two different
 * texts never stand for the same bytes (an attacker could otherwise alter a signed file without altering its meaning).
 */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** A plain copy: node's Buffer keeps small values in a shared pool and compares unequal to a Uint8Array. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function encodeUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** `undefined` for anything that is not well-formed UTF-8. A byte order mark is kept. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** RFC 4648 section 4, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

/** Canonical RFC 4648 section 4 only: padded, no white space, unused bits zero. Otherwise `undefined`. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? plain(bytes) : undefined;
}

export function encodeHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** Lower-case hex of whole bytes only. Otherwise `undefined`. */
export function decodeHex(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'hex');
  return bytes.toString('hex') === text ? plain(bytes) : undefined;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** For public values. Secrets are compared by `equalSecret` of hash.ts. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Searches one block natively (memchr): `find(from)` is the next place of `byte` at or after `from`, or -1. */
export function byteFinder(bytes: Uint8Array, byte: number): (from: number) => number {
  const buffer = view(bytes);
  return (from) => buffer.indexOf(byte, from);
}
