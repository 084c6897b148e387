import { Command } from 'commander';
import { ASPECTS } from '../../core/baseline/deviation.ts';
import type { Context } from '../context.ts';
import { examples, wholeNumber } from '../help.ts';
import { createProgress } from '../output/progress.ts';
import { toJson } from '../output/safe.ts';
import { parseMoment } from '../output/time.ts';
import { recordRead } from '../record-read.ts';
import { gather, type Question } from './baseline/gather.ts';
import { agentJson, overviewJson } from './baseline/json.ts';
import { agentLines } from './baseline/lines.ts';
import { overview, overviewLines } from './baseline/overview.ts';
import { parseNow, parseWindow } from './baseline/span.ts';

interface BaselineOptions {
  readonly window: string;
  readonly now: string;
  readonly at?: string;
  readonly top: number;
  readonly dir?: string;
  readonly cache: boolean;
  readonly json?: boolean;
}

const DEFAULT_TOP = 5;

export function build(context: Context): Command {
  const command = new Command('baseline')
    .summary('what an agent usually does, and how now differs')
    .description(
      'What an agent usually does, learned from the log, against what it does now. Without an agent: a line for each, the most unusual first. Days and hours are those of UTC.',
    )
    .argument('[agent]', 'its id, as in tally log list')
    .option('--window <span>', 'what is usual: so much time before now, in whole days', '30d')
    .option('--now <span|run>', 'what is now: the last 1h, 15m, …, or the id of a run', '1h')
    .option('--at <time>', 'as it was at that time')
    .option('--top <n>', 'values of each kind', wholeNumber(1), DEFAULT_TOP)
    .option('--dir <directory>', 'another log directory')
    .option('--no-cache', 'learn everything from the log, and keep nothing')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP);
  return examples(command, [
    ['tally baseline', 'every agent, the most unusual first'],
    ['tally baseline builder', 'one agent: usual against the last hour'],
    ['tally baseline builder --now run_01J…', 'usual against one run'],
    ['tally baseline builder --window 90d --now 1d', 'three months against a day'],
  ]).action((agent: string | undefined, options: BaselineOptions) => baseline(context, agent, options));
}

const HELP = `
Scores: 0.5 is worth a look, 0.9 an alarm; spec/baseline.md has the formulas and
what was measured. 3 ± 1 is the median and the median distance from it; "99 %" is
what 99 in 100 do not exceed; (1–4 %) is a 95 % interval; NOW is the most of any
minute, hour or run of now. With fewer than ten runs nothing is scored. What is learned is kept under baselines/ in the state directory;
deleting it loses nothing.

--json prints {"agent","window":{"since","until","days"},"now":{"since","until"?,
"run"?},"learning"?:{"runs","needed"},"usual":{…},"present":{…},"deviations":
[{"kind","subject","score","level","words","evidence":[index,…]}]}; without an
agent {"agents":[…],"more"}. Durations are in milliseconds, ratios from 0 to 1.
Kinds: first_… (${ASPECTS.join(', ')}),
unusual_hour, unusual_weekday, calls_per_minute, calls_per_hour, run_calls,
run_time, run_secrets, failures, stops, host_failures, host_slow.`;

async function baseline(
  context: Context,
  agent: string | undefined,
  options: BaselineOptions,
): Promise<void> {
  const { stdout, stderr } = context;
  const windowDays = parseWindow(options.window);
  const now = parseNow(options.now);
  const atMs =
    options.at === undefined ? context.now() : parseMoment(options.at, context.now(), { utc: true });
  const opened = await context.openQuery(options.dir === undefined ? {} : { log: options.dir });
  await recordRead(context, 'baseline', agent === undefined ? {} : { agent }, options.dir);
  const progress = createProgress(stderr, 'learning', 'rows');
  const question: Question = {
    opened,
    windowDays,
    now,
    atMs,
    // A log that lies elsewhere is none of this machine's.
    cache: options.cache && options.dir === undefined ? context.paths.state : undefined,
    warn: context.warn,
    onProgress: progress.update,
  };
  try {
    if (opened.query.size === 0) await opened.opened.logInfo();
    if (agent === undefined) {
      const found = await overview(question);
      progress.end();
      if (options.json === true) await stdout.line(toJson(overviewJson(found)));
      else for (const line of overviewLines(found, stdout)) await stdout.line(line);
      return;
    }
    const found = await gather(question, agent);
    progress.end();
    if (options.json === true) await stdout.line(toJson(agentJson(found)));
    else for (const line of agentLines(found, stdout, options.top)) await stdout.line(line);
  } finally {
    progress.end();
    await opened.close();
  }
}
