/**
 * Putting the vault's key under a passphrase or into the OS keyring, taking it out again, and unlocking it for a while.
 * Out of the file it becomes another key. A process that is killed at any point leaves a vault that opens with what it
 * had, the old or the new.
 */
import { randomBytes } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { keyringEntry } from './providers/keyring.ts';
import { freshKdf, sealBytes, unsealBytes } from './seal.ts';
import type { Vault } from './vault.ts';
import {
  createPrivate,
  makePrivateDirectory,
  readPrivate,
  replacePrivate,
  requirePrivateDirectory,
  withWriterLock,
} from './vault-files.ts';
import { VAULT_KEY_BYTES, vaultKey } from './vault-format.ts';
import {
  encodeKeyFile,
  type KeyFile,
  keyContext,
  keyFilePath,
  readKeyFile,
  unlockedPath,
} from './vault-key-file.ts';
import { lockedError, readUnlocked } from './vault-keys.ts';

export interface LockPlace {
  readonly keyPath: string;
  readonly runtime: string;
  readonly now: () => number;
}

export type Protection =
  | { readonly mode: 'passphrase'; readonly passphrase: string }
  | { readonly mode: 'keyring' }
  | { readonly mode: 'file' };

const SERVICE = 'tallystick/vault';

export function protectionOf(keyPath: string): Protection['mode'] {
  return readKeyFile(keyPath)?.mode ?? 'file';
}

/** The vault is open. */
export async function protectVault(vault: Vault, where: LockPlace, how: Protection): Promise<void> {
  const { keyPath, runtime } = where;
  if (how.mode === 'passphrase' && how.passphrase.length < LIMITS.passphraseMinChars)
    throw new TallyError('USAGE', `a passphrase has at least ${LIMITS.passphraseMinChars} characters`, {
      hint: 'four random words are easy to type and hard to guess',
    });
  const before = readKeyFile(keyPath);
  if (before === undefined && how.mode === 'file') return;
  makePrivateDirectory(dirname(keyPath));
  const key = before === undefined ? randomBytes(VAULT_KEY_BYTES) : await heldKey(before, where);
  const key_id = vaultKey(key).id;
  try {
    if (how.mode === 'file') {
      putKey(keyPath, key);
      rmSync(keyFilePath(keyPath), { force: true });
    } else {
      const file = encodeKeyFile(await place(how, key, key_id));
      const placed = (): void => replacePrivate(keyFilePath(keyPath), file);
      // The one in clear may have been copied; values that it opened are encrypted anew.
      if (before === undefined) await vault.rekey(key, placed);
      else placed();
      eraseKey(keyPath);
    }
    if (before?.mode === 'keyring' && how.mode !== 'keyring')
      await keyringEntry(before.service, before.account).delete();
    if (how.mode === 'passphrase') keepUnlocked(where, key);
    else rmSync(unlockedPath(runtime, keyPath), { force: true });
  } finally {
    key.fill(0);
  }
}

/** The key itself, of a vault that is open. */
async function heldKey(file: KeyFile, { keyPath, runtime, now }: LockPlace): Promise<Buffer> {
  const key =
    file.mode === 'keyring'
      ? await keyringEntry(file.service, file.account).get()
      : readUnlocked(unlockedPath(runtime, keyPath), now());
  if (key !== undefined && vaultKey(key).id === file.key_id) return key;
  throw lockedError(file.mode);
}

async function place(
  how: Exclude<Protection, { mode: 'file' }>,
  key: Buffer,
  key_id: string,
): Promise<KeyFile> {
  if (how.mode === 'passphrase') {
    const kdf = freshKdf();
    return {
      mode: 'passphrase',
      key_id,
      kdf,
      sealed: await sealBytes(key, how.passphrase, kdf, keyContext(key_id)),
    };
  }
  await keyringEntry(SERVICE, key_id).set(key);
  return { mode: 'keyring', key_id, service: SERVICE, account: key_id };
}

function putKey(path: string, key: Buffer): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) createPrivate(path, key);
  else replacePrivate(path, key);
}

/** Overwritten first, since nothing is sealed with it any more. */
function eraseKey(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  replacePrivate(path, new Uint8Array(VAULT_KEY_BYTES));
  rmSync(path, { force: true });
}

function keepUnlocked({ runtime, keyPath, now }: LockPlace, key: Buffer): number {
  makePrivateDirectory(runtime);
  requirePrivateDirectory(runtime);
  const until = now() + LIMITS.vaultUnlockMs;
  replacePrivate(
    unlockedPath(runtime, keyPath),
    Buffer.from(JSON.stringify({ key: key.toString('base64'), until })),
  );
  return until;
}

/** Until when. Wrong ones are counted, in all processes together, and soon have to wait. */
export async function unlockVault(where: LockPlace, passphrase: string): Promise<number> {
  const { keyPath, now } = where;
  const file = readKeyFile(keyPath);
  if (file?.mode !== 'passphrase')
    throw new TallyError('USAGE', 'the vault is under no passphrase, so there is nothing to unlock', {
      hint: 'put it under one: tally secrets protect',
    });
  const tries = `${keyPath}.tries`;
  await withWriterLock(tries, () => countTry(tries, now()));
  const key = await unsealBytes(file.sealed, passphrase, file.kdf, keyContext(file.key_id));
  if (key === undefined || vaultKey(key).id !== file.key_id)
    throw new TallyError('VAULT_LOCKED', 'that is not the passphrase of the vault', {
      hint: 'try again: tally secrets unlock',
      details: { kind: 'passphrase_wrong' },
    });
  const until = keepUnlocked(where, key);
  key.fill(0);
  rmSync(tries, { force: true });
  return until;
}

export function lockVault({ keyPath, runtime }: LockPlace): void {
  rmSync(unlockedPath(runtime, keyPath), { force: true });
}

/** Counted before it is tried, so that a process that is killed has tried. */
function countTry(path: string, now: number): void {
  const { wrong, at } = readTries(path);
  const wait =
    wrong < LIMITS.passphraseFreeTries
      ? 0
      : Math.min(1_000 * 2 ** (wrong - LIMITS.passphraseFreeTries), LIMITS.passphraseWaitMs);
  // A clock that was set back does not shorten it, and does not lock anybody out for longer than that.
  const left = Math.min(wait, at + wait - now);
  if (left > 0)
    throw new TallyError(
      'VAULT_LOCKED',
      `${wrong} wrong passphrases: the next one in ${Math.ceil(left / 1_000)} s`,
      {
        hint: 'wait, then: tally secrets unlock',
        details: { kind: 'passphrase_limited', wait_ms: left },
      },
    );
  replacePrivate(path, Buffer.from(JSON.stringify({ wrong: wrong + 1, at: now })));
}

function readTries(path: string): { readonly wrong: number; readonly at: number } {
  const bytes = readPrivate(path, LIMITS.operatorFileBytes);
  if (bytes === undefined) return { wrong: 0, at: 0 };
  try {
    const { wrong, at }: { wrong?: unknown; at?: unknown } = JSON.parse(bytes.toString('utf8'));
    if (typeof wrong === 'number' && wrong >= 0 && typeof at === 'number') return { wrong, at };
  } catch {
    // Judged below, as any other content that is none.
  }
  return { wrong: LIMITS.passphraseFreeTries, at: 0 };
}
