/**
 * The keys that a vault may be sealed with: one in a file, or one that was unlocked for a while. More than one at a time
 * only while the vault changes from one to the other; the vault's own file says which is meant.
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeBase64 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import {
  createPrivate,
  makePrivateDirectory,
  readPrivate,
  requirePrivateDirectory,
  vaultError,
} from './vault-files.ts';
import { VAULT_KEY_BYTES, type VaultKey, vaultKey } from './vault-format.ts';
import { type KeyFile, readKeyFile, unlockedPath } from './vault-key-file.ts';

export interface KeyPlace {
  /** Where the key lies (32 raw bytes), made at the first write. */
  readonly path: string;
  /** Where an unlocked key lies for a while. Absent: such keys are not looked for. */
  readonly runtime?: string;
  readonly now?: () => number;
  /** The key out of the OS keyring, fetched before. */
  readonly held?: Uint8Array;
}

export interface VaultKeys {
  /** `locked`: it is that of a passphrase or a keyring, and was not given. undefined: nobody here knows it. */
  find(id: string): VaultKey | 'locked' | undefined;
  /** For a vault that is empty: the one of the passphrase or keyring, else of the file, which is made. */
  make(): VaultKey;
  /** Why `find` says `locked`. */
  refusal(): TallyError;
  /** There is no key at all: neither in clear nor elsewhere. */
  missing(): boolean;
  /** Changes when what `find` answers may have. */
  fingerprint(): string;
  forget(): void;
}

export function checkedKey(bytes: Uint8Array): VaultKey {
  if (bytes.length !== VAULT_KEY_BYTES)
    throw vaultError(`a vault key has ${VAULT_KEY_BYTES} bytes, not ${bytes.length}`, 'restore the key file');
  return vaultKey(bytes);
}

export function lockedError(mode: KeyFile['mode']): TallyError {
  return new TallyError(
    'VAULT_LOCKED',
    mode === 'passphrase'
      ? 'the vault is locked'
      : 'the key of the vault is in the OS keyring, which was not asked',
    { hint: 'tally secrets unlock', details: { kind: 'provider_locked' } },
  );
}

export function createVaultKeys(place: KeyPlace): VaultKeys {
  const { path, runtime, now } = place;
  const unlocked = runtime === undefined ? undefined : unlockedPath(runtime, path);
  const held = place.held === undefined ? undefined : checkedKey(place.held);
  let fromFile: VaultKey | undefined;

  function inFile(): VaultKey | undefined {
    if (fromFile !== undefined) return fromFile;
    requirePrivateDirectory(dirname(path));
    const bytes = readPrivate(path, VAULT_KEY_BYTES);
    if (bytes !== undefined) fromFile = checkedKey(bytes);
    bytes?.fill(0);
    return fromFile;
  }

  /** Read each time: whoever locks the vault means all programs, also those that run on. */
  function given(): VaultKey | undefined {
    if (held !== undefined) return held;
    if (unlocked === undefined || now === undefined) return undefined;
    const raw = readUnlocked(unlocked, now());
    const key = raw === undefined ? undefined : vaultKey(raw);
    raw?.fill(0);
    return key;
  }

  return {
    find(id) {
      // Another one may lie there by now: the vault was put under a passphrase, and out of it.
      if (fromFile?.id !== id) fromFile = undefined;
      const file = inFile();
      if (file?.id === id) return file;
      const sealed = readKeyFile(path);
      if (sealed?.key_id !== id) return undefined;
      const key = given();
      return key?.id === id ? key : 'locked';
    },
    make() {
      const sealed = readKeyFile(path);
      if (sealed !== undefined) {
        const key = given();
        if (key?.id !== sealed.key_id) throw lockedError(sealed.mode);
        return key;
      }
      const present = inFile();
      if (present !== undefined) return present;
      makePrivateDirectory(dirname(path));
      const fresh = randomBytes(VAULT_KEY_BYTES);
      createPrivate(path, fresh);
      fresh.fill(0);
      // Read back: another process may have been first, and its key is then the one.
      const made = inFile();
      if (made === undefined) throw vaultError(`the key ${path} vanished`, 'try again');
      return made;
    },
    refusal: () => lockedError(readKeyFile(path)?.mode ?? 'passphrase'),
    missing: () => inFile() === undefined && readKeyFile(path) === undefined,
    fingerprint: () => (unlocked === undefined ? '' : stampOf(unlocked)),
    forget() {
      fromFile = undefined;
    },
  };
}

function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs}`;
}

/** undefined when it is over, or its clock makes no sense (a time set back must not prolong it). */
export function readUnlocked(path: string, now: number): Buffer | undefined {
  const bytes = readPrivate(path, LIMITS.operatorFileBytes);
  if (bytes === undefined) return undefined;
  requirePrivateDirectory(dirname(path));
  try {
    const { key, until }: { key?: unknown; until?: unknown } = JSON.parse(bytes.toString('utf8'));
    if (typeof key !== 'string' || typeof until !== 'number') return undefined;
    if (now >= until || until > now + LIMITS.vaultUnlockMs) return undefined;
    const raw = decodeBase64(key);
    return raw?.length === VAULT_KEY_BYTES ? Buffer.from(raw) : undefined;
  } catch {
    return undefined;
  } finally {
    bytes.fill(0);
  }
}
