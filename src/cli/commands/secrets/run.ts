/** `tally run` with all secrets of a profile: one path, and the same records. */
import { TallyError } from '../../../core/error.ts';
import { readyVault } from '../../../open/vault.ts';
import type { Context } from '../../context.ts';
import type { InjectOptions } from '../run/inject.ts';
import { run } from '../run/run.ts';
import { commandOf, failRun } from '../run.ts';

export interface SecretsRunOptions extends InjectOptions {
  readonly agent?: string;
  readonly env?: string;
  /** All that the vault of this machine holds, whatever manifest is here. */
  readonly global?: boolean;
}

export async function runWithSecrets(
  context: Context,
  words: readonly string[],
  { agent, env, global, ...options }: SecretsRunOptions,
): Promise<void> {
  try {
    const [command, ...args] = commandOf(words);
    const inject = global === true ? { ...options, keys: await namesOf(context) } : options;
    await run(context, command, args, {
      inject,
      // Auditing never blocks a person's own secrets; spec/secrets.md says for whom that holds.
      unrecorded: true,
      // It is handed values and asks for nothing else: its calls are its own, as without us.
      proxy: false,
      ...(inject.reason === undefined ? {} : { reason: inject.reason }),
      ...(agent === undefined ? {} : { agent }),
      ...(env === undefined ? {} : { env }),
    });
  } catch (error) {
    failRun(context, error);
  }
}

/** What a variable can be called; the broker may know other names, which no program could ask for. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

async function namesOf(context: Context): Promise<readonly string[]> {
  const vault = await readyVault(context.paths, context.warn);
  try {
    if (vault.locked())
      throw new TallyError('VAULT_LOCKED', 'the vault is locked', { hint: 'tally secrets unlock' });
    return vault.entries().flatMap(({ name, value }) => {
      value.fill(0);
      return VARIABLE.test(name) ? [name] : [];
    });
  } finally {
    vault.close();
  }
}
