/**
 * The local encrypted credential file: a small set of named values under one 256-bit key.
 *
 * On a laptop the key lies beside the file under the same uid, so this keeps values out of backups, screenshots,
 * greps and version control; it is no boundary against a program of the same user. A key from a keyring (`key`) is.
 *
 * Values leave only as fresh buffers that the caller wipes (`buffer.fill(0)`). No error quotes one.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { invariant, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import {
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
  type VaultContent,
  type VaultFault,
  type VaultKey,
  type VaultRecord,
} from './vault-format.ts';
import { checkedKey, createVaultKeys, type KeyPlace, lockedError, type VaultKeys } from './vault-keys.ts';

export interface VaultOptions {
  /** The file. It and its directory are made at the first `set`. */
  readonly path: string;
  /** Where the key lies, made at the first `set`; or the key itself, which is copied. */
  readonly key: KeyPlace | { readonly bytes: Uint8Array };
}

/** `value` is undefined when the name was deleted. The listener must not keep the buffer: it is wiped afterwards. */
export type VaultListener = (name: string, value: Buffer | undefined) => void;

/**
 * Every method sees what other processes wrote before it was called (one stat; the file is read again only when it
 * changed). All throw `VAULT_UNREADABLE` for a wrong key, an altered file, a wrong owner or mode. While it is locked,
 * `list` and `entries` know of nothing that is new, and the others throw `VAULT_LOCKED`.
 */
export interface Vault {
  /** A passphrase or a keyring stands before it. */
  locked(): boolean;
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
  /** Encrypts every value with another key, which is copied. `placed` puts the key where it is found from then on. */
  rekey(bytes: Uint8Array, placed: () => void): Promise<void>;
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
  const keys: VaultKeys = 'bytes' in options.key ? fixedKey(options.key.bytes) : createVaultKeys(options.key);
  let key: VaultKey | undefined;
  let content: VaultContent = EMPTY_VAULT;
  let seen = '';
  let isLocked = false;
  let open = true;

  function requireOpen(): void {
    if (!open) throw vaultError('the vault is closed', 'open it again');
  }

  function fingerprint(): string {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    const file =
      stat === undefined ? ABSENT : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.uid} ${stat.mode}`;
    return `${file} ${keys.fingerprint()}`;
  }

  /** What is there, or as much as is known while it is locked. */
  function look(): VaultContent {
    requireOpen();
    const now = fingerprint();
    // An unlock ends by time too, without a change of any file; only a new one brings it back.
    if (now === seen && (isLocked || key === undefined || stillThere(key))) return content;
    requirePrivateDirectory(dirname(path));
    const bytes = readPrivate(path, LIMITS.vaultBytes);
    const next = bytes === undefined ? EMPTY_VAULT : decode(bytes);
    isLocked = next === undefined;
    if (next === undefined) {
      key = undefined;
      seen = now;
      return content;
    }
    const before = content;
    content = next;
    seen = now;
    announce(before, next);
    return content;
  }

  function stillThere({ id }: VaultKey): boolean {
    const found = keys.find(id);
    return found !== undefined && found !== 'locked';
  }

  function refresh(): VaultContent {
    const found = look();
    if (isLocked) throw keys.refusal();
    return found;
  }

  /** undefined: locked. */
  function decode(bytes: Buffer): VaultContent | undefined {
    let sawLocked = false;
    let asked = false;
    const decoded = decodeVault((id) => {
      const found = keys.find(id);
      asked = true;
      sawLocked = found === 'locked';
      key = found === 'locked' ? undefined : found;
      return key;
    }, bytes);
    if (!('fault' in decoded)) return decoded;
    if (sawLocked) return undefined;
    if (decoded.fault === 'sealed with another key' && asked && keys.missing())
      throw vaultError(`the key of ${path} is missing`, 'restore the key file from a backup');
    throw vaultError(`${path} is ${decoded.fault}`, FAULT_HINTS[decoded.fault], undefined, 'vault_altered');
  }

  function decrypted(record: VaultRecord): Buffer {
    invariant(key !== undefined, 'records were read with a key');
    const value = decryptValue(key, record);
    if (value === undefined)
      throw vaultError(`${path} is altered`, FAULT_HINTS.altered, undefined, 'vault_altered');
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
    replacePrivate(path, encodeVault(writingKey(), { generation: generation + 1, records }));
    refresh();
  }

  /** What is there stays under the key that it has. */
  function writingKey(): VaultKey {
    key ??= keys.make();
    return key;
  }

  return {
    locked() {
      look();
      return isLocked;
    },
    list: () => [...look().records.keys()].sort(),
    get(name) {
      const record = refresh().records.get(name);
      return record === undefined ? undefined : { value: decrypted(record), version: record.nonce };
    },
    entries() {
      const { records } = look();
      return isLocked
        ? []
        : [...records.values()].map((record) => ({ name: record.name, value: decrypted(record) }));
    },
    async set(name, value) {
      const bytes = checkedValue(name, value);
      makePrivateDirectory(dirname(path));
      requirePrivateDirectory(dirname(path));
      const created = await withWriterLock(path, () => {
        const { records } = refresh();
        write(new Map(records).set(name, encryptValue(writingKey(), name, bytes)));
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
    async rekey(bytes, placed) {
      const fresh = checkedKey(bytes);
      makePrivateDirectory(dirname(path));
      await withWriterLock(path, () => {
        const { generation, records } = refresh();
        const next = new Map<string, VaultRecord>();
        for (const [name, record] of records) {
          const value = decrypted(record);
          next.set(name, encryptValue(fresh, name, value));
          value.fill(0);
        }
        placed();
        if (records.size > 0 || generation > 0)
          replacePrivate(path, encodeVault(fresh, { generation: generation + 1, records: next }));
        keys.forget();
        key = fresh;
        content = { generation: generation + 1, records: next };
        seen = fingerprint();
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      open = false;
      key = undefined;
      keys.forget();
      content = EMPTY_VAULT;
      listeners.clear();
    },
  };
}

/** One key that was handed in, until close. */
function fixedKey(bytes: Uint8Array): VaultKeys {
  const key = checkedKey(bytes);
  return {
    find: (id) => (key.id === id ? key : undefined),
    make: () => key,
    refusal: () => lockedError('keyring'),
    missing: () => false,
    fingerprint: () => '',
    forget: () => undefined,
  };
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
