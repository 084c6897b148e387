/** Keys: they parse, and they are the ones of this log. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isTallyError } from '../../../core/error.ts';
import type { LogInfo } from '../../../core/loginfo.ts';
import { signerFromSkey } from '../../../core/tlog/key.ts';
import { vaultOf } from '../../../open/vault.ts';
import type { Paths } from '../../../paths.ts';
import { counted } from '../../facts.ts';
import { openOperator } from '../../operator.ts';
import { type Check, fail, ok, quoted, warn } from './check.ts';

const RESTORE = 'restore the keys directory from a backup';
const CONTINUE = `${RESTORE}; without one: tally log continue --reason "…" (a new log that cites this one)`;

export async function checkSigningKey(paths: Paths, name: string, info: LogInfo): Promise<Check> {
  const path = join(paths.keys, `${name}.key`);
  try {
    const signer = signerFromSkey((await readFile(path, 'utf8')).trim());
    const current = info.keys.at(-1)?.vkey;
    if (signer.vkey !== current && info.keys.some(({ vkey }) => vkey === signer.vkey)) {
      return fail('signing key', `${path} was retired: ${current ?? 'another key'} signs this log`, CONTINUE);
    }
    if (signer.vkey !== current) {
      return fail('signing key', `${path} is the key of another log (${signer.name})`, CONTINUE);
    }
    return ok('signing key', `${signer.vkey} signs this log`);
  } catch (error) {
    return fail('signing key', `${path} cannot be used: ${why(error)}`, CONTINUE);
  }
}

/** `anew`: when it was made a second time. */
export async function checkMasterKey(paths: Paths, tenant: string, anew: string | undefined): Promise<Check> {
  const path = join(paths.keys, `${tenant}.master`);
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (/^[0-9a-f]{64}$/.test(text) && anew !== undefined)
      return warn(
        'master key',
        `it was lost and made anew at ${anew}: arguments before and after cannot be compared`,
        RESTORE,
      );
    if (/^[0-9a-f]{64}$/.test(text)) return ok('master key', '256 bits');
    return fail('master key', `${path} is not 64 hex digits`, RESTORE);
  } catch (error) {
    return fail('master key', `${path} cannot be read: ${why(error)}`, RESTORE);
  }
}

export function checkVault(paths: Paths): Check {
  const path = join(paths.vault, 'secrets.vault');
  const vault = vaultOf(paths);
  try {
    if (vault.locked())
      return ok('secrets', 'the vault is locked: its key is under a passphrase, or in the OS keyring');
    return ok('secrets', `${counted(vault.list().length, 'secret')}, the file is sealed and whole`);
  } catch (error) {
    return fail('secrets', why(error), hint(error) ?? `restore ${quoted(path)} and its key from a backup`);
  } finally {
    vault.close();
  }
}

export function checkOperator(paths: Paths): Check {
  try {
    const state = openOperator(paths).state();
    switch (state.kind) {
      case 'none':
        return fail('operator', 'there is no operator secret', 'tally init');
      case 'open':
        return ok(
          'operator',
          'no passphrase: programs that run as you can change the policy (tally operator protect)',
        );
      default:
        return ok('operator', `under a passphrase, ${state.kind} in this terminal`);
    }
  } catch (error) {
    return fail('operator', why(error), hint(error) ?? RESTORE);
  }
}

export function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function hint(error: unknown): string | undefined {
  return isTallyError(error) ? error.hint : undefined;
}
