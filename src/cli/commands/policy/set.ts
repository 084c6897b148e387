import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { readPolicyText, whilePolicyLocked } from './file.ts';

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
  );
  if (options.json === true) await context.stdout.line(toJson(done));
  else if (done.changed) await context.stdout.line(`policy version ${safe(done.version)} is in force`);
  else await context.stdout.line(`policy version ${safe(done.version)} was in force already`);
}
