/**
 * The bytes of the local encrypted credential file, `tallystick-vault/1`. Pure apart from the randomness of nonces.
 *
 * JSON, so that a person can see what is in it and a backup tool can carry it:
 *
 *     { format, generation, key_id, records: [{ name, nonce, data }], seal: { nonce, tag } }
 *
 * Each record is AES-256-GCM of one value with its name as additional data, so a value cannot be moved under another
 * name. The seal is a GCM tag over everything else in the file, so a record cannot be dropped, added or replaced by an
 * older one. The attacker here writes to the file but has no key. What no file format can show is an older copy of the
 * whole file put back: `generation` then goes down, and only somebody who remembers it could tell.
 *
 * Names are readable without the key; they are references and appear in the log anyway.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { decodeBase64 } from '../../core/bytes.ts';
import { LIMITS } from '../../core/limits.ts';

export const VAULT_FORMAT = 'tallystick-vault/1';
export const VAULT_KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D: 96-bit nonces, 128-bit tags. Random nonces are safe for 2^32 records under one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * A reference travels in a header, a policy file and a shell line: no spaces, no quotes. What belongs to a project has
 * its project and profile before it, `my-app/production/KEY`, with "%" for what a name cannot hold.
 */
const NAME = /^(?:[A-Za-z0-9_.%-]+\/[A-Za-z0-9_.%-]+\/)?[A-Za-z_][A-Za-z0-9_.-]*$/;

export function isVaultName(name: string): boolean {
  return name.length <= LIMITS.idChars && NAME.test(name);
}

export interface VaultRecord {
  readonly name: string;
  readonly nonce: string;
  /** Base64 of ciphertext and tag. Changes with every write, even of the same value. */
  readonly data: string;
}

export interface VaultContent {
  /** Counts writes: a writer that read generation n writes n + 1. */
  readonly generation: number;
  /** What it was sealed with; undefined before the first write. */
  readonly keyId?: string;
  readonly records: ReadonlyMap<string, VaultRecord>;
}

export const EMPTY_VAULT: VaultContent = { generation: 0, records: new Map() };

/** Why a file was not accepted, in words for a person. Never quotes the file. */
export type VaultFault =
  | 'not a vault file'
  | 'written by a newer version'
  | 'sealed with another key'
  | 'altered';

function recordContext(name: string): Buffer {
  return Buffer.from(`${VAULT_FORMAT}\nrecord\n${name}`);
}

function sealContext(generation: number, keyId: string, records: readonly VaultRecord[]): Buffer {
  const rows = records.map(({ name, nonce, data }) => [name, nonce, data]);
  return Buffer.from(`${VAULT_FORMAT}\nseal\n${JSON.stringify([generation, keyId, rows])}`);
}

export interface VaultKey {
  /** Tells a wrong key from a damaged file. 64 bits of a hash of 256 random bits give nothing away. */
  readonly id: string;
  /** As the cipher wants it: handing in raw bytes costs four times as much as decrypting a token does. */
  readonly cipherKey: KeyObject;
}

/** `bytes` are copied; the caller wipes its own. */
export function vaultKey(bytes: Uint8Array): VaultKey {
  const labelled = Buffer.concat([Buffer.from(`${VAULT_FORMAT}\nkey\n`), bytes]);
  const id = hash('sha256', labelled, 'hex').slice(0, 16);
  labelled.fill(0);
  return { id, cipherKey: createSecretKey(bytes) };
}

export function encryptValue(key: VaultKey, name: string, value: Uint8Array): VaultRecord {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.cipherKey, nonce);
  cipher.setAAD(recordContext(name));
  const data = Buffer.concat([cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  return { name, nonce: nonce.toString('base64'), data: data.toString('base64') };
}

/** A fresh buffer that the caller wipes; `undefined` when the record is not what was written under this name. */
export function decryptValue(key: VaultKey, record: VaultRecord): Buffer | undefined {
  const nonce = decodeBase64(record.nonce);
  const data = decodeBase64(record.data);
  if (nonce?.length !== NONCE_BYTES || data === undefined || data.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key.cipherKey, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(recordContext(record.name));
  decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
  // A stream cipher: all plaintext comes from this one update, and is released only if the tag below agrees.
  const value = decipher.update(data.subarray(0, data.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    value.fill(0);
    return undefined;
  }
  return value;
}

export function encodeVault(key: VaultKey, content: VaultContent): Buffer {
  const keyId = key.id;
  const records = [...content.records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.cipherKey, nonce);
  cipher.setAAD(sealContext(content.generation, keyId, records));
  cipher.final();
  const file = {
    format: VAULT_FORMAT,
    generation: content.generation,
    key_id: keyId,
    records,
    seal: { nonce: nonce.toString('base64'), tag: cipher.getAuthTag().toString('base64') },
  };
  return Buffer.from(`${JSON.stringify(file, undefined, 1)}\n`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readRecord(value: unknown): VaultRecord | undefined {
  if (!isObject(value)) return undefined;
  const { name, nonce, data } = value;
  if (typeof name !== 'string' || typeof nonce !== 'string' || typeof data !== 'string') return undefined;
  return isVaultName(name) ? { name, nonce, data } : undefined;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Checks the seal over the whole file; values stay encrypted. Hostile bytes give a fault, never an exception. `keyOf` is
 * asked for the key that the file names.
 */
export function decodeVault(
  keyOf: (id: string) => VaultKey | undefined,
  bytes: Uint8Array,
): VaultContent | { readonly fault: VaultFault } {
  const file = parse(bytes);
  if (!isObject(file) || typeof file.format !== 'string' || !file.format.startsWith('tallystick-vault/'))
    return { fault: 'not a vault file' };
  if (file.format !== VAULT_FORMAT) return { fault: 'written by a newer version' };
  const { generation, key_id: keyId, records: list, seal } = file;
  if (!Array.isArray(list) || !isObject(seal)) return { fault: 'not a vault file' };
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation) || generation < 0)
    return { fault: 'not a vault file' };
  const key = typeof keyId === 'string' ? keyOf(keyId) : undefined;
  if (typeof keyId !== 'string' || key?.id !== keyId) return { fault: 'sealed with another key' };

  const records = new Map<string, VaultRecord>();
  for (const item of list) {
    const record = readRecord(item);
    if (record === undefined || records.has(record.name)) return { fault: 'altered' };
    records.set(record.name, record);
  }
  const nonce = typeof seal.nonce === 'string' ? decodeBase64(seal.nonce) : undefined;
  const tag = typeof seal.tag === 'string' ? decodeBase64(seal.tag) : undefined;
  if (nonce?.length !== NONCE_BYTES || tag?.length !== TAG_BYTES) return { fault: 'altered' };
  const decipher = createDecipheriv(CIPHER, key.cipherKey, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(sealContext(generation, keyId, [...records.values()]));
  decipher.setAuthTag(tag);
  try {
    decipher.final();
  } catch {
    return { fault: 'altered' };
  }
  return { generation, records, keyId };
}
