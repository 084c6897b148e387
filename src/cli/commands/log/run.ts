import { Command } from 'commander';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { openAsked } from '../../ask.ts';
import { commandLine } from '../../command-line.ts';
import type { Context } from '../../context.ts';
import { similarValue } from '../../empty.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { runMeant } from '../../meant.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { recordRead } from '../../record-read.ts';
import { reportMalformed } from './damage.ts';
import { readHead, readSteps, type Steps } from './run-read.ts';
import { flawLines, headLines, type RunHead, type RunText, treeLines } from './run-text.ts';
import { type TreeLine, tookMs, treeOf } from './run-tree.ts';

interface RunOptions {
  readonly limit: number;
  readonly after?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_STEPS = 200;
const FLAWS_SHOWN = 10;

export function buildRun(context: Context): Command {
  const command = new Command('run')
    .description(
      'One run as a tree of its steps, oldest first, with how long each took and when: a call is one step, below the step that its parent_id names, or below the agent that the work was handed to. What is open or missing is named.',
    )
    .argument('<run>', 'its id, or the beginning of it: the run column of `tally log runs`')
    .option('-n, --limit <n>', 'steps', wholeNumber(1), DEFAULT_STEPS)
    .option('--after <index>', 'only steps above this index: the next page', wholeNumber(0))
    .option('--all', `every step, up to ${grouped(LIMITS.timelineSteps)}`)
    .option('--dir <directory>', 'another log directory');
  readingOptions(command).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log run run_01K…', 'what happened in one run'],
    ['tally log run run_01K… --json', 'for a program'],
    ['tally log runs', 'which runs there are'],
  ]).action((run: string, options: RunOptions) => showRun(context, run, options, command));
}

const JSON_HELP = `
--json prints {"run","agent"?,"identity"?,"identities":[…],"user"?,"purpose"?,"command"?,"start":
{"index","ts"}|null,"end":{"index","ts","status"}|null,"took_ms"?,"from","to","totals":
{…},"steps":[…],"next":n|null,"unfit":{…}}. Each step has "index","end" (of its
post_exec)?,"id","ts","type","depth","under" (index of the step above)?,"agent"?,
"delegation_chain"?,"subject","decision"?,"reason"?,"status"?,"status_code"?,
"took_ms"?, "run"? (of a run that was started in this one) and "flaws": of "open","end_unknown","no_beginning","parent_missing".
Steps come in the order of the tree; "next" is the --after of the next page.`;

async function showRun(
  context: Context,
  written: string,
  options: RunOptions,
  command: Command,
): Promise<void> {
  const { stdout, stderr } = context;
  const opened = await openAsked(context, options.dir);
  await recordRead(context, 'run', { run: written }, options.dir);
  try {
    const run = await runMeant(opened.query, written);
    const head = await readHead(opened, run);
    if (head === undefined) {
      const meant = await similarValue(opened.query, 'run', run);
      throw new TallyError('NOT_FOUND', `nothing in this log belongs to a run ${run}`, {
        hint:
          meant === undefined
            ? '`tally log runs` lists the runs'
            : `did you mean ${meant}? \`tally log runs\` lists the runs`,
      });
    }
    const limit = options.all === true ? LIMITS.timelineSteps : Math.min(options.limit, LIMITS.timelineSteps);
    const read = await readSteps(opened, run, { limit, after: options.after });
    const lines = treeOf(read.steps, read.elsewhere, read.start);
    if (options.json === true) await stdout.line(toJson(runJson(head, read, lines)));
    else {
      const text: RunText = {
        style: stdout.style,
        width: stdout.width,
        zone: { utc: options.utc === true },
        nowMs: context.now(),
      };
      for (const line of headLines(head, text)) await stdout.line(line);
      if (lines.length > 0) {
        await stdout.line();
        for (const line of treeLines(lines, head, text)) await stdout.line(line);
      }
      for (const line of flawLines(lines, text, FLAWS_SHOWN)) await stdout.line(line);
    }
    await reportMalformed(context, opened, read.unfit);
    const next = nextOf(read);
    if (options.json !== true && next !== undefined) {
      const { dim } = stderr.style;
      await stderr.line(dim(`${grouped(read.steps.length)} steps; there are more`));
      await stderr.line(dim(`next: ${safe(commandLine(command, { after: next }))}`));
    }
  } finally {
    await opened.close();
  }
}

function nextOf({ more, steps }: Steps): number | undefined {
  return more ? steps.at(-1)?.index : undefined;
}

export function runJson(head: RunHead, read: Steps, lines: readonly TreeLine[]): object {
  const { start, end, ...rest } = head;
  return {
    ...rest,
    start: start ?? null,
    end: end ?? null,
    steps: lines.flatMap(({ item, depth }) =>
      item.kind === 'agent' ? [] : [{ ...stepJson(item, depth), run: read.runs.get(item.step.index) }],
    ),
    next: nextOf(read) ?? null,
    unfit: { count: read.unfit.count, entries: read.unfit.some },
  };
}

function stepJson(
  { step, flaws, under }: Extract<TreeLine['item'], { kind: 'step' }>,
  depth: number,
): object {
  const { facts, index, end, id, chain } = step;
  return {
    index,
    end,
    id,
    ts: facts.ts,
    type: facts.type,
    depth,
    under,
    agent: facts.agent,
    ...(chain.length === 0 ? {} : { delegation_chain: chain }),
    step_id: facts.step,
    method: facts.method,
    subject: facts.subject,
    decision: facts.decision,
    reason: facts.reasonCode,
    status: facts.status,
    status_code: facts.statusCode,
    took_ms: tookMs(step),
    flaws,
  };
}
