/**
 * A policy file that an edit broke is not taken, and the one before it stays in force: said in the terminal of `tally up`,
 * which whoever starts a run may not see. So a run says it too: what is wrong, in which line, and what its calls are
 * decided by.
 */
import { isTallyError } from '../../../core/error.ts';
import { policyFileProblem } from '../../../open/policy-file.ts';
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';

/** Of what is wrong the first lines; `tally policy check` has all of it. */
const MOST_LINES = 3;

/**
 * `told`: what was said before, and is not said again. `silent`: who opened the log was told. Returns what is wrong, to be
 * handed in the next time.
 */
export async function tellPolicyFile(
  context: Context,
  session: Pick<Session, 'ask'>,
  { told, silent = false }: { readonly told?: string | undefined; readonly silent?: boolean },
): Promise<string | undefined> {
  const { stderr, paths } = context;
  const problem = await policyFileProblem(paths);
  if (problem === undefined) return undefined;
  const text = problem instanceof Error ? problem.message : String(problem);
  if (silent || text === told) return text;
  const { yellow, dim } = stderr.style;
  const { policy } = await session.ask('status', {});
  const stays =
    policy.unreadable === undefined
      ? `so version ${safe(policy.version)}, from before, is in force`
      : 'and there is none from before, so every call is stopped';
  await stderr.say(`${yellow('tally:')} the policy file has an error, ${stays} (${paths.policyFile}):`);
  const lines = text.split('\n');
  for (const line of lines.slice(0, MOST_LINES)) await stderr.say(`  ${safe(line)}`);
  if (isTallyError(problem) && problem.hint !== undefined)
    await stderr.say(dim(`  hint: ${safe(problem.hint)}`));
  await stderr.say(dim(`  all of it: tally policy check`));
  return text;
}
