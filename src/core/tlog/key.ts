/**
 * Keys of signed notes (C2SP signed-note v1.0.0), in the text forms of golang.org/x/mod/sumdb/note, so that a key made
 * here opens notes there and the other way round.
 *
 *     keyid4 = H(name || 0x0A || type || pub)[0:4]
 *     vkey   = name "+" hex8(keyid4) "+" b64(type || pub)
 *     skey   = "PRIVATE+KEY+" name "+" hex8(keyid4) "+" b64(type || seed)
 */
import { concatBytes, decodeBase64, encodeBase64, encodeHex, encodeUtf8 } from '../bytes.ts';
import { TallyError } from '../error.ts';
import { ED25519_KEY_BYTES, ed25519Signer, ed25519Verifier, sha256 } from '../hash.ts';

/** The signature types that have a number; 0x01 is the one this version signs and verifies. */
export const KEY_TYPES = { ed25519: 0x01, cosignature: 0x04, mlDsa44: 0x06 } as const;

const SKEY_PREFIX = 'PRIVATE+KEY+';

export interface Verifier {
  readonly name: string;
  /** 8 lower-case hex digits. */
  readonly keyId: string;
  readonly vkey: string;
  /** Whether `signature` (without its key id) is this key's over `text`. */
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

export interface Signer {
  readonly name: string;
  readonly keyId: string;
  /** The published half. */
  readonly vkey: string;
  sign(text: Uint8Array): Uint8Array;
}

function malformed(what: string): TallyError {
  // The text is not quoted: it may be a private key.
  return new TallyError('KEY_MALFORMED', what, {
    hint: 'give the key exactly as it was printed, on one line',
  });
}

/** Non-empty, no white space, no "+", no control character: what a signature line and a vkey can carry. */
export function isKeyName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return name.isWellFormed() && /^[^\p{White_Space}+\u0000-\u001f\u007f]+$/u.test(name);
}

export function keyId(name: string, type: number, publicKey: Uint8Array): string {
  const hash = sha256(concatBytes(encodeUtf8(name), new Uint8Array([0x0a, type]), publicKey));
  return encodeHex(hash.subarray(0, 4));
}

export function encodeVkey(name: string, type: number, publicKey: Uint8Array): string {
  const typed = concatBytes(new Uint8Array([type]), publicKey);
  return `${name}+${keyId(name, type, publicKey)}+${encodeBase64(typed)}`;
}

export interface ParsedVkey {
  readonly name: string;
  readonly keyId: string;
  readonly type: number;
  readonly publicKey: Uint8Array;
}

interface KeyParts {
  readonly name: string;
  readonly id: string;
  readonly type: number;
  readonly key: Uint8Array;
}

/** `name "+" hex8 "+" b64(type || key)`. Base64 may contain "+": only the first two separate. */
function splitKey(text: string): KeyParts {
  const nameEnd = text.indexOf('+');
  const idEnd = text.indexOf('+', nameEnd + 1);
  if (nameEnd < 0 || idEnd < 0) throw malformed('a key is written name+id+base64');
  const name = text.slice(0, nameEnd);
  const id = text.slice(nameEnd + 1, idEnd);
  const typed = decodeBase64(text.slice(idEnd + 1));
  const type = typed?.[0];
  if (!isKeyName(name)) throw malformed('the name of a key is not empty and has no space');
  if (!/^[0-9a-f]{8}$/.test(id)) throw malformed('the id of a key is 8 lower-case hex digits');
  if (typed === undefined || type === undefined)
    throw malformed('the last part of a key is not canonical base64');
  return { name, id, type, key: typed.subarray(1) };
}

/** Any signature type. Throws `KEY_MALFORMED`. */
export function parseVkey(vkey: string): ParsedVkey {
  const { name, id, type, key } = splitKey(vkey);
  if (keyId(name, type, key) !== id) throw malformed(`the id ${id} does not belong to this key of ${name}`);
  return { name, keyId: id, type, publicKey: key };
}

/** Throws `KEY_MALFORMED`, also for a type that this version cannot verify. */
export function verifierFromVkey(vkey: string): Verifier {
  const parsed = parseVkey(vkey);
  if (parsed.type !== KEY_TYPES.ed25519 || parsed.publicKey.length !== ED25519_KEY_BYTES)
    throw malformed(`this version verifies Ed25519 keys (type 1) only, not type ${parsed.type}`);
  return { name: parsed.name, keyId: parsed.keyId, vkey, verify: ed25519Verifier(parsed.publicKey) };
}

function signerFromSeed(name: string, seed: Uint8Array): Signer {
  const { publicKey, sign } = ed25519Signer(seed);
  const vkey = encodeVkey(name, KEY_TYPES.ed25519, publicKey);
  return { name, keyId: keyId(name, KEY_TYPES.ed25519, publicKey), vkey, sign };
}

export interface ParsedSkey {
  readonly name: string;
  /** As written: that it belongs to the public half is for whoever derives that half to check. */
  readonly id: string;
  readonly type: number;
  readonly seed: Uint8Array;
}

/** Any type. Throws `KEY_MALFORMED`. */
export function parseSkey(skey: string): ParsedSkey {
  if (!skey.startsWith(SKEY_PREFIX)) throw malformed(`a private key starts with ${SKEY_PREFIX}`);
  const { name, id, type, key } = splitKey(skey.slice(SKEY_PREFIX.length));
  return { name, id, type, seed: key };
}

/** `PRIVATE+KEY+` name `+` hex8 `+` b64(type || seed). */
export function encodeSkey(name: string, id: string, type: number, seed: Uint8Array): string {
  const typed = concatBytes(new Uint8Array([type]), seed);
  return `${SKEY_PREFIX}${name}+${id}+${encodeBase64(typed)}`;
}

/** Throws `KEY_MALFORMED`. */
export function signerFromSkey(skey: string): Signer {
  const { name, id, type, seed: key } = parseSkey(skey);
  if (type !== KEY_TYPES.ed25519) throw malformed('this version signs with Ed25519 keys (type 1) only');
  const signer = signerFromSeed(name, key);
  if (signer.keyId !== id) throw malformed(`the id ${id} does not belong to this private key of ${name}`);
  return signer;
}

export interface KeyPair {
  /** Secret. One line, without a newline. */
  readonly skey: string;
  readonly vkey: string;
}

/** `seed`: 32 bytes from a cryptographic source. Throws `KEY_MALFORMED` for a name that cannot be one. */
export function makeKeyPair(name: string, seed: Uint8Array): KeyPair {
  if (!isKeyName(name)) throw malformed('the name of a key is not empty and has no space and no "+"');
  const { vkey, keyId: id } = signerFromSeed(name, seed);
  return { skey: encodeSkey(name, id, KEY_TYPES.ed25519, seed), vkey };
}
