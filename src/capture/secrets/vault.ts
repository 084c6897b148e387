/**
 * The local encrypted credential file: a small set of named values under one 256-bit key.
 *
 * On a laptop the key lies beside the file under the same uid, so this keeps values out of backups, screenshots,
 * greps and version control; it is no boundary against a program of the same user. A key from a keyring (`key`) is.
 *
 * Values leave only as fresh buffers that the caller wipes (`buffer.fill(0)`). No error quotes one.
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { invariant, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import {
  createPrivate,
  makePrivateDirectory,
  readPrivate,
  replacePrivate,
  requirePrivateDirectory,
  vaultError,
  withWriterLock,
} from './vault-files.ts';
import {
  decodeVault,
  decryptValue,
  EMPTY_VAULT,
  encodeVault,
  encryptValue,
  isVaultName,
  VAULT_KEY_BYTES,
  type VaultContent,
  type VaultFault,
  type VaultKey,
  type VaultRecord,
  vaultKey,
} from './vault-format.ts';

export interface VaultOptions {
  /** The file. It and its directory are made at the first `set`. */
  readonly path: string;
  /** Where the key lies (32 raw bytes), made at the first `set`; or the key itself, which is copied. */
  readonly key: { readonly path: string } | { readonly bytes: Uint8Array };
}

/** `value` is undefined when the name was deleted. The listener must not keep the buffer: it is wiped afterwards. */
export type VaultListener = (name: string, value: Buffer | undefined) => void;

/**
 * Every method sees what other processes wrote before it was called (one stat; the file is read again only when it
 * changed). All throw `VAULT_UNREADABLE` for a wrong key, an altered file, a wrong owner or mode.
 */
export interface Vault {
  /** Sorted. */
  list(): readonly string[];
  /** `version` changes with every write of the value. */
  get(name: string): { readonly value: Buffer; readonly version: string } | undefined;
  /** Everything, decrypted: for redaction at start. */
  entries(): readonly { readonly name: string; readonly value: Buffer }[];
  /**
   * Durable when it resolves; writers in other processes lose nothing. `short`: the value has fewer than
   * LIMITS.secretMinBytes, so it is not searched for in responses and entries, and the caller should warn.
   * Throws USAGE for a bad name, an empty value or one over LIMITS.secretMaxBytes.
   */
  set(
    name: string,
    value: Uint8Array | string,
  ): Promise<{ readonly created: boolean; readonly short: boolean }>;
  /** false when there was none. */
  delete(name: string): Promise<boolean>;
  /** Called for every name whose value is new or gone, as soon as any method notices. Returns the way to stop. */
  onChange(listener: VaultListener): () => void;
  /** Forgets key and content. */
  close(): void;
}

const FAULT_HINTS: { readonly [fault in VaultFault]: string } = {
  'not a vault file': 'restore the file from a backup, or move it away and set the secrets again',
  'written by a newer version': 'update tallystick',
  'sealed with another key': 'restore the key file that belongs to it',
  altered: 'restore the file from a backup and rotate the secrets; somebody or something changed it',
};

const ABSENT = 'absent';

export function openVault(options: VaultOptions): Vault {
  const { path } = options;
  const listeners = new Set<VaultListener>();
  let key: VaultKey | undefined = 'bytes' in options.key ? checkedKey(options.key.bytes) : undefined;
  let content: VaultContent = EMPTY_VAULT;
  let seen = ABSENT;
  let open = true;

  function requireOpen(): void {
    if (!open) throw vaultError('the vault is closed', 'open it again');
  }

  function fingerprint(): string {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? ABSENT : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.uid} ${stat.mode}`;
  }

  function loadKey(): VaultKey | undefined {
    requireOpen();
    if (key === undefined && 'path' in options.key) {
      requirePrivateDirectory(dirname(options.key.path));
      const bytes = readPrivate(options.key.path, VAULT_KEY_BYTES);
      if (bytes !== undefined) key = checkedKey(bytes);
      bytes?.fill(0);
    }
    return key;
  }

  function makeKey(): VaultKey {
    const present = loadKey();
    if (present !== undefined) return present;
    invariant('path' in options.key, 'a key that was handed in is there until close');
    makePrivateDirectory(dirname(options.key.path));
    const fresh = randomBytes(VAULT_KEY_BYTES);
    createPrivate(options.key.path, fresh);
    fresh.fill(0);
    // Read back: another process may have been first, and its key is then the one.
    const made = loadKey();
    if (made === undefined) throw vaultError(`the key of ${path} vanished`, 'try again');
    return made;
  }

  function refresh(): VaultContent {
    requireOpen();
    const now = fingerprint();
    if (now === seen) return content;
    requirePrivateDirectory(dirname(path));
    const bytes = readPrivate(path, LIMITS.vaultBytes);
    const next = bytes === undefined ? EMPTY_VAULT : decode(bytes);
    const before = content;
    content = next;
    seen = now;
    announce(before, next);
    return content;
  }

  function decode(bytes: Uint8Array): VaultContent {
    const usable = loadKey();
    if (usable === undefined)
      throw vaultError(`the key of ${path} is missing`, 'restore the key file from a backup');
    const decoded = decodeVault(usable, bytes);
    if ('fault' in decoded) throw vaultError(`${path} is ${decoded.fault}`, FAULT_HINTS[decoded.fault]);
    return decoded;
  }

  function decrypted(record: VaultRecord): Buffer {
    invariant(key !== undefined, 'records were read with a key');
    const value = decryptValue(key, record);
    if (value === undefined) throw vaultError(`${path} is altered`, FAULT_HINTS.altered);
    return value;
  }

  function announce(before: VaultContent, after: VaultContent): void {
    if (listeners.size === 0) return;
    for (const name of before.records.keys())
      if (!after.records.has(name)) for (const listener of listeners) listener(name, undefined);
    for (const [name, record] of after.records) {
      if (before.records.get(name)?.data === record.data) continue;
      const value = decrypted(record);
      for (const listener of listeners) listener(name, value);
      value.fill(0);
    }
  }

  function write(records: ReadonlyMap<string, VaultRecord>): void {
    const { generation } = content;
    replacePrivate(path, encodeVault(makeKey(), { generation: generation + 1, records }));
    refresh();
  }

  return {
    list: () => [...refresh().records.keys()].sort(),
    get(name) {
      const record = refresh().records.get(name);
      return record === undefined ? undefined : { value: decrypted(record), version: record.nonce };
    },
    entries: () =>
      [...refresh().records.values()].map((record) => ({ name: record.name, value: decrypted(record) })),
    async set(name, value) {
      const bytes = checkedValue(name, value);
      makePrivateDirectory(dirname(path));
      requirePrivateDirectory(dirname(path));
      const created = await withWriterLock(path, () => {
        const { records } = refresh();
        write(new Map(records).set(name, encryptValue(makeKey(), name, bytes)));
        return !records.has(name);
      });
      const short = bytes.length < LIMITS.secretMinBytes;
      bytes.fill(0);
      return { created, short };
    },
    async delete(name) {
      if (!refresh().records.has(name)) return false;
      return withWriterLock(path, () => {
        const records = new Map(refresh().records);
        if (!records.delete(name)) return false;
        write(records);
        return true;
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      open = false;
      key = undefined;
      content = EMPTY_VAULT;
      listeners.clear();
    },
  };
}

function checkedKey(bytes: Uint8Array): VaultKey {
  if (bytes.length !== VAULT_KEY_BYTES)
    throw vaultError(`a vault key has ${VAULT_KEY_BYTES} bytes, not ${bytes.length}`, 'restore the key file');
  return vaultKey(bytes);
}

function checkedValue(name: string, value: Uint8Array | string): Buffer {
  if (!isVaultName(name))
    throw new TallyError(
      'USAGE',
      'a secret’s name is letters, digits, "_", "." and "-", and starts with a letter or "_"',
      {
        hint: 'for example STRIPE_KEY',
      },
    );
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
  if (bytes.length === 0)
    throw new TallyError('USAGE', `the value of ${name} is empty`, { hint: 'give it on stdin' });
  if (bytes.length > LIMITS.secretMaxBytes)
    throw new TallyError(
      'USAGE',
      `the value of ${name} has ${bytes.length} bytes, more than ${LIMITS.secretMaxBytes}`,
      { hint: 'keep large files elsewhere and store the key that opens them' },
    );
  return bytes;
}
