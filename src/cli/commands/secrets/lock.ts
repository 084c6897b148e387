/** Where the key of the vault is: in a file, under a passphrase, or in the OS keyring; and unlocking it for a while. */
import {
  lockVault,
  type Protection,
  protectionOf,
  protectVault,
  unlockVault,
} from '../../../capture/secrets/vault-lock.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { makeHome } from '../../../home.ts';
import { lockPlaceOf, readyVault } from '../../../open/vault.ts';
import type { Context } from '../../context.ts';
import { readHidden } from '../../input.ts';
import { asOperator } from '../../operator/prompt.ts';

export interface ProtectOptions {
  readonly keyring?: boolean;
  readonly keyFile?: boolean;
}

const PASSPHRASE = { mostBytes: LIMITS.passphraseMaxBytes } as const;

/** On record before it is done; for an agent the writer refuses it, and records that. */
export async function protect(context: Context, options: ProtectOptions): Promise<void> {
  if (options.keyring === true && options.keyFile === true)
    throw new TallyError('USAGE', 'the key is in the keyring or in a file, not in both', {
      hint: 'choose one',
    });
  await makeHome(context.paths);
  const where = lockPlaceOf(context.paths);
  const vault = await readyVault(context.paths, context.warn);
  try {
    if (vault.locked())
      throw new TallyError('VAULT_LOCKED', 'the vault is locked', {
        hint: 'tally secrets unlock',
      });
    const mode = options.keyring === true ? 'keyring' : options.keyFile === true ? 'file' : 'passphrase';
    const how: Protection =
      mode === 'passphrase' ? { mode, passphrase: await newPassphrase(context) } : { mode };
    await asOperator(context, (ask) =>
      ask('operator.change', { change: mode === 'file' ? 'vault.unprotect' : 'vault.protect' }),
    );
    await protectVault(vault, where, how);
  } finally {
    vault.close();
  }
  await context.stderr.line(
    SAID[options.keyring === true ? 'keyring' : options.keyFile === true ? 'file' : 'passphrase'],
  );
}

const SAID: { readonly [mode in Protection['mode']]: string } = {
  passphrase: `The vault is under a passphrase, and unlocked for ${LIMITS.vaultUnlockMs / 3_600_000} hours. There is no way back without it. Backups of vault.key open nothing new.`,
  keyring: 'The key of the vault is in the OS keyring: whoever unlocks that opens the vault.',
  file: 'The key of the vault lies in a file again: any program that runs as you can read it.',
};

async function newPassphrase(context: Context): Promise<string> {
  const answer = await readHidden(context, {
    ...PASSPHRASE,
    confirm: true,
    what: 'a new passphrase for the vault',
    pipe: 'tally secrets protect < passphrase-file',
  });
  return answer.toString('utf8');
}

export async function unlock(context: Context): Promise<void> {
  const where = lockPlaceOf(context.paths);
  if (protectionOf(where.keyPath) !== 'passphrase') {
    throw new TallyError('USAGE', 'the vault is under no passphrase, so there is nothing to unlock', {
      hint: 'put it under one: tally secrets protect',
    });
  }
  const answer = await readHidden(context, {
    ...PASSPHRASE,
    confirm: false,
    what: 'the passphrase of the vault',
    pipe: 'tally secrets unlock < passphrase-file',
  });
  const until = await unlockVault(where, answer.toString('utf8'));
  answer.fill(0);
  await context.stderr.line(
    `Unlocked for this user on this machine until ${new Date(until).toLocaleTimeString()}.`,
  );
}

export async function lock(context: Context): Promise<void> {
  lockVault(lockPlaceOf(context.paths));
  await context.stderr.line('Locked, also for programs that run.');
}
