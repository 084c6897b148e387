import { Command } from 'commander';
import { TallyError } from '../../../core/error.ts';
import type { PolicyInForce } from '../../../core/policy/compiled.ts';
import { compilePolicy } from '../../../core/policy/load.ts';
import { TENANT } from '../../../paths.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { createProgress } from '../../output/progress.ts';
import { toJson } from '../../output/safe.ts';
import { parseMoment } from '../../output/time.ts';
import { recordRead } from '../../record-read.ts';
import { type Replay, replay } from '../../replay/replay.ts';
import { readPolicyText } from '../policy/file.ts';
import { replayLines } from './replay-text.ts';

interface ReplayOptions {
  readonly policy?: string;
  readonly since?: string;
  readonly until?: string;
  readonly dir?: string;
  readonly utc?: boolean;
  readonly json?: boolean;
}

export function buildReplay(context: Context): Command {
  const command = new Command('replay')
    .description(
      'Decides every recorded call again, from the policy snapshot and the inputs that its entry cites, and says where the answer is another one. With --policy: what another policy would have decided of the same calls, before it is enforced.',
    )
    .argument('[run]', 'only the decisions of this run')
    .option('--policy <file>', 'hold them against this policy; - is standard input')
    .option('--since <time>', 'decided since: 2h, 30d (ago), today, 2026-11-20, or RFC 3339')
    .option('--until <time>', 'decided before')
    .option('--dir <directory>', 'another log directory')
    .option('--utc', 'times in filters are UTC, not the local zone')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP);
  return examples(command, [
    ['tally log replay', 'all that was ever decided'],
    ['tally log replay run_01J…', 'one run'],
    ['tally log replay --policy new.yaml --since 30d', 'the last month under another policy'],
  ]).action((run: string | undefined, options: ReplayOptions) => replayLog(context, run, options));
}

const HELP = `
Exit codes: 0 every decision replays; 6 one does not, or its snapshot is missing or
altered; 2 nothing is wrong, but of some it cannot be found out. With --policy
also 1: something would be decided otherwise.

undecidable is never agreement: with --policy, what rests on facts that were not
taken out of the arguments, on windows and budgets that were not read, on an
approval asked for under another policy, on a name that was never looked up, or on
what was redacted. Each call is judged by itself, with the counts of its time.

--json prints {"decisions","agree","reworded","problems":{"count","first":[{"index",
"id","chain","members","snapshot"?}]},"undecidable":{why:n},"operator","imported",
"unreadable","snapshots":{hash:fault},"against"?:{"same","differ","undecidable",
"rows":[{"before","after"?,"reason","agent","to","count","undecidable","examples"}],
"rest"},"exit_code"}. chain is "broken" where the entry after it names another
hash: it was altered where it lies.`;

const MEGABYTE = 1_000_000;

async function replayLog(context: Context, run: string | undefined, options: ReplayOptions): Promise<void> {
  const zone = { utc: options.utc === true };
  const moment = (text: string): string => new Date(parseMoment(text, context.now(), zone)).toISOString();
  const span = {
    ...(options.since === undefined ? {} : { since: moment(options.since) }),
    ...(options.until === undefined ? {} : { until: moment(options.until) }),
  };
  const other = options.policy === undefined ? undefined : await otherPolicy(context, options.policy);
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  await opened.logInfo();
  await recordRead(context, 'replay', { ...span, ...(run === undefined ? {} : { run }) }, options.dir);
  const progress = createProgress(context.stderr, 'replaying', 'MB');
  let done: Replay;
  try {
    done = await replay(opened, {
      ...span,
      ...(run === undefined ? {} : { run }),
      ...(other === undefined ? {} : { other }),
      signal: context.interrupted(),
      onProgress: (bytes, total) => progress.update(bytes / MEGABYTE, total / MEGABYTE),
    });
  } catch (error) {
    if (!context.interrupted().aborted) throw error;
    throw new TallyError('INTERRUPTED', 'interrupted: nothing can be said of the decisions that are left', {
      hint: '`--since` replays fewer',
      cause: error,
    });
  } finally {
    progress.end();
  }
  if (run !== undefined && done.decisions + done.operator + done.problems.count === 0) {
    throw new TallyError('NOT_FOUND', `nothing was decided in a run ${run}`, {
      hint: '`tally log runs` lists the runs',
    });
  }
  const code = exitCodeOf(done);
  if (options.json === true) await context.stdout.line(toJson({ ...done, exit_code: code }));
  else for (const line of replayLines(done, context.stdout)) await context.stdout.say(line);
  if (code !== 0) context.exit(code);
}

export function exitCodeOf({ problems, undecidable, unreadable, against }: Replay): 0 | 1 | 2 | 6 {
  if (problems.count > 0 || unreadable.segments > 0 || unreadable.lines > 0) return 6;
  if ((against?.differ ?? 0) > 0) return 1;
  return Object.keys(undecidable).length > 0 || (against?.undecidable ?? 0) > 0 ? 2 : 0;
}

async function otherPolicy(context: Context, file: string): Promise<PolicyInForce> {
  return compilePolicy(await readPolicyText(context, file), { id: TENANT });
}
