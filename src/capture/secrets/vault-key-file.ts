/**
 * Where the key of the vault is when it does not lie in clear: `vault.key.json`, beside where `vault.key` would be. Under a
 * passphrase it is in this file, sealed; in the OS keyring this file says under which name. Not secret by itself.
 */
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { isBoundedKdf, type Kdf, type Sealed } from './seal.ts';
import { readPrivate, vaultError } from './vault-files.ts';

export const KEY_FILE_FORMAT = 'tallystick-vault-key/1';

export type KeyFile =
  | { readonly mode: 'passphrase'; readonly key_id: string; readonly kdf: Kdf; readonly sealed: Sealed }
  | { readonly mode: 'keyring'; readonly key_id: string; readonly service: string; readonly account: string };

export function keyFilePath(keyPath: string): string {
  return `${keyPath}.json`;
}

/** Bound into the sealed key. */
export function keyContext(keyId: string): string {
  return `${KEY_FILE_FORMAT}\n${keyId}`;
}

export function encodeKeyFile(file: KeyFile): Buffer {
  return Buffer.from(`${JSON.stringify({ format: KEY_FILE_FORMAT, ...file }, undefined, 2)}\n`);
}

/** undefined: there is none. Throws VAULT_UNREADABLE for one that others could have touched, or that is none. */
export function readKeyFile(keyPath: string): KeyFile | undefined {
  const path = keyFilePath(keyPath);
  const bytes = readPrivate(path, LIMITS.operatorFileBytes);
  if (bytes === undefined) return undefined;
  const found = parse(bytes);
  if (found !== undefined) return found;
  throw vaultError(
    `${path} is not what was written`,
    'restore it from a backup: without it the vault cannot be opened',
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(bytes: Buffer): KeyFile | undefined {
  let file: unknown;
  try {
    file = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(file) || file.format !== KEY_FILE_FORMAT) return undefined;
  const { mode, key_id, kdf, sealed, service, account } = file;
  if (typeof key_id !== 'string') return undefined;
  if (mode === 'keyring')
    return typeof service === 'string' && typeof account === 'string'
      ? { mode, key_id, service, account }
      : undefined;
  if (mode !== 'passphrase' || !isObject(kdf) || !isObject(sealed)) return undefined;
  const { name, n, r, p, salt } = kdf;
  const { nonce, data } = sealed;
  if (name !== 'scrypt' || typeof n !== 'number' || typeof r !== 'number' || typeof p !== 'number')
    return undefined;
  if (!Number.isInteger(r) || r < 1 || !Number.isInteger(p) || p < 1 || !isBoundedKdf({ n, r, p }))
    return undefined;
  if (typeof salt !== 'string' || typeof nonce !== 'string' || typeof data !== 'string') return undefined;
  return { mode, key_id, kdf: { name, n, r, p, salt }, sealed: { nonce, data } };
}

/** Where the key lies while it is unlocked: in the directory of this user's session, 0700. */
export function unlockedPath(runtime: string, keyPath: string): string {
  return `${runtime}/vault-${sha256Hex(keyPath).slice(0, 16)}.json`;
}
