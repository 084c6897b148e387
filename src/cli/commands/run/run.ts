/** One recorded run: start, command, end, summary. The end is recorded whatever ends the command. */
import { basename } from 'node:path';
import type { Outcome } from '../../../core/entry.ts';
import { isTallyError } from '../../../core/error.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import { type BrokerHandle, openBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { createProgress } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';
import { formatDuration } from '../../output/time.ts';
import { verifyDirectory } from '../../verifying.ts';
import { type ChildEnd, exitCodeOf, startChild } from './child.ts';
import { keepBroker } from './keep.ts';
import { countRun, describeCounts } from './summary.ts';

export interface RunOptions {
  readonly agent?: string;
  readonly reason?: string;
  readonly project?: string;
  readonly env?: string;
  readonly verifyExit?: boolean;
  readonly quiet?: boolean;
}

type Started = OpResults['run.start'];
type RanEnd = Exclude<ChildEnd, { kind: 'unstartable' }>;

export async function run(
  context: Context,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<void> {
  const broker = await openBroker(context, { advertise: true });
  try {
    const since = new Date(context.now()).toISOString();
    const started = await broker.session.ask('run.start', {
      // argv[0] only: arguments carry secrets.
      command: basename(command),
      ...(options.agent === undefined ? {} : { agent_id: options.agent }),
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.project === undefined ? {} : { project_id: options.project }),
      ...(options.env === undefined ? {} : { environment: options.env }),
    });
    const from = performance.now();
    const keeper = keepBroker(context, broker);
    try {
      const child = startChild(command, args, {
        env: childEnvironment(context, broker.url, started),
        onTerminal: context.stdin.isTTY === true,
      });
      const end = await child.ended;
      const durationMs = Math.round(performance.now() - from);
      context.exit(exitCodeOf(end));
      await recordEnd(context, broker, started, outcomeOf(end, durationMs));
      if (end.kind === 'unstartable')
        await context.stderr.line(`tally: ${safe(end.message)} (recorded as ${started.run_id})`);
      else await summarise(context, broker, { run: started.run_id, since, end, durationMs, options });
    } finally {
      await keeper.close();
    }
  } finally {
    await broker.close();
  }
}

/** No HTTP(S)_PROXY: this broker takes calls that are addressed to it, and would refuse all others. */
function childEnvironment({ env }: Context, url: string, { run_id, token }: Started): NodeJS.ProcessEnv {
  return { ...env, TALLY_PROXY_URL: `${url}/proxy`, TALLY_RUN_TOKEN: token, TALLY_RUN_ID: run_id };
}

function outcomeOf(end: ChildEnd, duration_ms: number): Outcome {
  switch (end.kind) {
    case 'exit':
      return { status: end.code === 0 ? 'ok' : 'error', duration_ms, exit_code: end.code };
    case 'signal':
      return { status: 'aborted', duration_ms, signal: end.signal };
    case 'unstartable':
      return {
        status: 'error',
        duration_ms,
        exit_code: end.code,
        error_kind: end.code === 127 ? 'not_found' : 'not_executable',
      };
  }
}

/** A recorder that was restarted meanwhile still knows the run: it reads it from the log. */
async function recordEnd(
  context: Context,
  broker: BrokerHandle,
  { run_id, token }: Started,
  outcome: Outcome,
): Promise<void> {
  const params = { run_id, run_token: token, outcome };
  try {
    await broker.session.ask('run.end', params);
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'RECORDER_UNAVAILABLE' || broker.own) throw error;
    const again = await context.openSession();
    try {
      await again.ask('run.end', params);
    } catch (late) {
      // The first one was carried out and only its answer was lost: the token of an ended run is no longer good.
      if (!isTallyError(late) || late.code !== 'TOKEN_INVALID') throw late;
    } finally {
      await again.close();
    }
  }
}

interface Ended {
  readonly run: string;
  readonly since: string;
  readonly end: RanEnd;
  readonly durationMs: number;
  readonly options: RunOptions;
}

async function summarise(context: Context, broker: BrokerHandle, ended: Ended): Promise<void> {
  const { run, since, end, durationMs, options } = ended;
  const { stderr } = context;
  const { dim, green, red } = stderr.style;
  await broker.session.ask('checkpoint', {});
  const counts = await countRun(context, run, since);
  const report = await verifyOwn(context);
  const verdict =
    report.exit_code === 0
      ? green('log verified')
      : red(`log NOT verified (exit code ${report.exit_code}); what is wrong: tally verify`);
  if (options.verifyExit === true && report.exit_code !== 0) context.exit(report.exit_code);
  if (options.quiet === true && report.exit_code === 0) return;
  const parts = [
    `${run} ${endText(end)} after ${formatDuration(durationMs)}`,
    describeCounts(counts),
    verdict,
  ];
  await stderr.line(`${dim('tally:')} ${parts.join(dim(' · '))}`);
  await stderr.line(
    dim('tally: seen are calls through TALLY_PROXY_URL; a program that goes its own way is not seen'),
  );
  if (counts.calls > 0) await stderr.line(dim(`tally: look at them: tally log list --run ${run}`));
}

function endText(end: RanEnd): string {
  return end.kind === 'signal' ? `ended by ${end.signal}` : `exit ${end.code}`;
}

async function verifyOwn(context: Context) {
  const progress = createProgress(context.stderr, 'verifying', 'MB');
  try {
    return await verifyDirectory(await context.openReader(), {
      current: true,
      key: undefined,
      heads: [],
      completeness: false,
      writerLives: async () => true,
      onProgress: (done, total) =>
        progress.update(Math.round(done / 1e6), Math.max(1, Math.round(total / 1e6))),
    });
  } finally {
    progress.end();
  }
}
