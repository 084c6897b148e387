/**
 * Bytes and their text forms. Decoders are strict: what does not re-encode to itself is refused, so that two different
 * texts never stand for the same bytes (an attacker could otherwise alter a signed file without altering its meaning).
 *
 * Node's Buffer does the work where there is one: it is native and several times faster. The portable forms beside it
 * give the same answers in a browser.
 */
import { NodeBuffer } from './host.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** A plain copy: node's Buffer keeps small values in a shared pool and compares unequal to a Uint8Array. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}

interface Codec {
  encode(bytes: Uint8Array): string;
  /** May be lenient: what does not encode back to the same text is refused afterwards. */
  decode(text: string): Uint8Array;
}

function nodeCodec(node: typeof Buffer, form: 'base64' | 'hex'): Codec {
  return {
    encode: (bytes) => node.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(form),
    decode: (text) => plain(node.from(text, form)),
  };
}

/** As many characters as one call of `fromCharCode` surely takes. */
const CHUNK = 8192;

const portableBase64: Codec = {
  encode(bytes) {
    let binary = '';
    for (let at = 0; at < bytes.length; at += CHUNK)
      binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
    return btoa(binary);
  },
  decode: (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)),
};

const portableHex: Codec = {
  encode: (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  decode: (text) => Uint8Array.from(text.match(/../gs) ?? [], (pair) => Number.parseInt(pair, 16)),
};

/** Exported for the tests, which hold the two implementations against each other. */
export const CODECS = { portableBase64, portableHex } as const;

const base64 = NodeBuffer === undefined ? portableBase64 : nodeCodec(NodeBuffer, 'base64');
const hex = NodeBuffer === undefined ? portableHex : nodeCodec(NodeBuffer, 'hex');

/** `undefined` unless the text is exactly what the bytes encode to. */
export function decodeExactly({ encode, decode }: Codec, text: string): Uint8Array | undefined {
  try {
    const bytes = decode(text);
    return encode(bytes) === text ? bytes : undefined;
  } catch {
    // atob throws for characters outside its alphabet.
    return undefined;
  }
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
  return base64.encode(bytes);
}

/** Canonical RFC 4648 section 4 only: padded, no white space, unused bits zero. Otherwise `undefined`. */
export function decodeBase64(text: string): Uint8Array | undefined {
  return decodeExactly(base64, text);
}

export function encodeHex(bytes: Uint8Array): string {
  return hex.encode(bytes);
}

/** Lower-case hex of whole bytes only. Otherwise `undefined`. */
export function decodeHex(text: string): Uint8Array | undefined {
  return decodeExactly(hex, text);
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
  if (a.length !== b.length) return false;
  if (NodeBuffer !== undefined) return NodeBuffer.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Searches one block natively: `find(from)` is the next place of `byte` at or after `from`, or -1. */
export function byteFinder(bytes: Uint8Array, byte: number): (from: number) => number {
  // memchr in Node; the method of typed arrays is slower there.
  const block =
    NodeBuffer === undefined ? bytes : NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (from) => block.indexOf(byte, from);
}
