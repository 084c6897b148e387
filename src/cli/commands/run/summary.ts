/** What is told at the end of a run: what it did, whether the log still proves it, and what nobody can see. */
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { createProgress } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';
import { formatDuration } from '../../output/time.ts';
import { anchorRequest } from '../../verify-anchors.ts';
import { verifyDirectory } from '../../verifying.ts';
import { countRun, describeCounts } from './count.ts';
import type { Ran, RunOptions } from './ran.ts';
import { tellCalls, tellUnseen } from './told.ts';

export async function summarise(
  context: Context,
  session: Session,
  { started, end, durationMs, since, awayMs }: Ran & { readonly awayMs: number },
  options: RunOptions,
): Promise<void> {
  const { stderr } = context;
  const { dim, green, red } = stderr.style;
  const run = started.run_id;
  if (end.kind === 'unstartable') return stderr.line(`tally: ${safe(end.message)} (recorded as ${run})`);
  if (options.unrecorded === true) return;
  await session.ask('checkpoint', {});
  const counts = await countRun(context, run, since);
  const { exit_code } = await verifyOwn(context);
  if (options.verifyExit === true && exit_code !== 0) context.exit(exit_code);
  if (options.quiet === true && exit_code === 0) return;
  const ended = end.kind === 'signal' ? `ended by ${end.signal}` : `exit ${end.code}`;
  const verdict =
    exit_code === 0
      ? green('log verified')
      : red(`log NOT verified (exit code ${exit_code}); what is wrong: tally verify`);
  const parts = [`${run} ${ended} after ${formatDuration(durationMs)}`, describeCounts(counts), verdict];
  await stderr.say(`${dim('tally:')} ${parts.join(dim(' · '))}`);
  if (awayMs >= 1)
    await stderr.say(
      `${red('tally:')} there was no broker for ${formatDuration(Math.round(awayMs))} of this run: calls of that time failed, and nobody was there to record them`,
    );
  await tellCalls(context, counts);
  await tellUnseen(context, counts, options.proxy !== false);
  if (counts.calls + counts.tunnels > 0) await stderr.say(`tally: look at them: tally log run ${run}`, dim);
  const { tail_url } = await session.ask('status', {});
  if (tail_url !== undefined)
    await stderr.say(`tally: runs are followed live with tally log tail -f, or at ${safe(tail_url)}`, dim);
}

async function verifyOwn(context: Context) {
  const progress = createProgress(context.stderr, 'verifying', 'MB');
  try {
    return await verifyDirectory(await context.openReader(), {
      current: true,
      keys: [],
      heads: [],
      completeness: false,
      anchors: anchorRequest(context),
      writerLives: async () => true,
      onProgress: (done, total) =>
        progress.update(Math.round(done / 1e6), Math.max(1, Math.round(total / 1e6))),
    });
  } finally {
    progress.end();
  }
}
