import { isTallyError, TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { readPolicyText, whilePolicyLocked } from './file.ts';

/** What one message to the recorder does not hold, the recorder still reads from the file. */
function tooLong({ paths }: Context, text: string, error: unknown): unknown {
  if (!isTallyError(error) || error.code !== 'ENTRY_TOO_LARGE') return error;
  return new TallyError(
    'USAGE',
    `a policy of ${text.length} characters is too long to be handed over to the recorder`,
    {
      hint: `check it, and put it in the place of ${paths.policyFile}: tally up takes it up from there`,
      cause: error,
    },
  );
}

export interface SetOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

/** The recorder compiles it: what does not compile is refused, and the one in force stays. */
export async function set(context: Context, file: string, options: SetOptions): Promise<void> {
  const text = await readPolicyText(context, file);
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const done = await asOperator(context, (ask) =>
    whilePolicyLocked(context, () => ask('policy.set', { text, ...reason })),
  ).catch((error: unknown) => {
    throw tooLong(context, text, error);
  });
  if (options.json === true) await context.stdout.line(toJson(done));
  else if (done.changed) await context.stdout.line(`policy version ${safe(done.version)} is in force`);
  else await context.stdout.line(`policy version ${safe(done.version)} was in force already`);
}
