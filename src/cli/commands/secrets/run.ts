/** `tally run` with all secrets of a profile: one path, and the same records. */
import type { Context } from '../../context.ts';
import type { InjectOptions } from '../run/inject.ts';
import { run } from '../run/run.ts';
import { commandOf, failRun } from '../run.ts';

export interface SecretsRunOptions extends InjectOptions {
  readonly agent?: string;
  readonly env?: string;
}

export async function runWithSecrets(
  context: Context,
  words: readonly string[],
  { agent, env, ...inject }: SecretsRunOptions,
): Promise<void> {
  try {
    const [command, ...args] = commandOf(words);
    await run(context, command, args, {
      inject,
      // Auditing never blocks a person's own secrets; spec/secrets.md says for whom that holds.
      unrecorded: true,
      ...(inject.reason === undefined ? {} : { reason: inject.reason }),
      ...(agent === undefined ? {} : { agent }),
      ...(env === undefined ? {} : { env }),
    });
  } catch (error) {
    failRun(context, error);
  }
}
