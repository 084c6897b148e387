import { Command } from 'commander';
import type { LogFilter } from '../../../core/query/filter.ts';
import { matches } from '../../../core/query/filter.ts';
import { parseLine } from '../../../core/query/line.ts';
import { createPairing, type Pairing } from '../../../core/query/pairing.ts';
import type { Hit } from '../../../core/query/scan.ts';
import { type Followed, follow } from '../../../store/file/follow.ts';
import { segmentName } from '../../../store/file/names.ts';
import type { Context } from '../../context.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, wholeNumber } from '../../help.ts';
import { safe, safeJsonText } from '../../output/safe.ts';
import { readLog } from '../../reading.ts';
import { recordRead } from '../../record-read.ts';
import { createRowPrinter, type RowPrinter } from './row-printer.ts';

interface TailOptions extends FilterOptions {
  readonly limit: number;
  readonly follow?: boolean;
  readonly jsonl?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_ROWS = 10;
/** How often a follower looks whether the log went on under another name (`tally log continue`). */
const EPOCH_CHECK_MS = 1_000;

export function buildTail(context: Context): Command {
  const command = new Command('tail')
    .summary('the newest entries, and with -f every new one as it comes')
    .description(
      'The newest entries in the order of the log, and with -f every new one within some milliseconds of being durable. Ends with Ctrl-C.',
    )
    .option('-f, --follow', 'go on with new entries')
    .option('-n, --limit <n>', 'entries to begin with', wholeNumber(0), DEFAULT_ROWS)
    .option('--jsonl', 'the stored bytes, one entry a line')
    .option('--utc', 'times in UTC, not in the local zone')
    .option('--dir <directory>', 'another log directory');
  filterOptions(command);
  return examples(command, [
    ['tally log tail -f', 'watch live'],
    ['tally log tail -f --blocked', 'watch what is refused'],
    ['tally log tail -f -n 0 --jsonl | jq .action.target.host', 'feed another program'],
  ]).action((options: TailOptions) => tail(context, options));
}

async function tail(context: Context, options: TailOptions): Promise<void> {
  const { stdout, stderr } = context;
  const zone = { utc: options.utc === true };
  const filter = toFilter(options, context.now(), zone);
  const choice = options.dir === undefined ? {} : { log: options.dir };
  await recordRead(context, 'tail', filter, options.dir);
  let opened = await context.openReader(choice);
  const reading = await readLog(opened.directory, { filter, raw: true, limit: Math.max(1, options.limit) });
  if (reading.end === undefined && options.follow !== true) await opened.logInfo();

  const print = options.jsonl === true ? printStored(context) : createRowPrinter(context, zone);
  const pairing = createPairing();
  const newest: Hit[] = [];
  if (options.limit > 0) {
    for await (const hit of reading.hits()) newest.unshift(hit);
    const { lines } = reading.summary().malformed;
    for (const { first, offset, why } of lines) await damaged(context, first, offset, why);
  }
  await print.begin(
    newest.flatMap(({ call, lines }) => lines.map((line) => ({ facts: pairing.pair(call.first).facts, line }))),
  );
  if (options.follow !== true) return;

  const signal = AbortSignal.any([context.interrupted(), stdout.gone]);
  let from = reading.end;
  if (from === undefined) await stderr.line(stderr.style.dim('waiting for the first entry'));
  for (;;) {
    const next =
      options.dir === undefined ? newerLog(context, opened.name) : () => Promise.resolve(undefined);
    const moved = await followOne(context, opened.directory, { from, signal, filter, print, pairing, next });
    if (moved === undefined) return;
    await stderr.line(stderr.style.yellow(`the log goes on as ${moved.name}`));
    opened = moved;
    from = undefined;
  }
}

type Opened = Awaited<ReturnType<Context['openReader']>>;

/** Looks now and then for a log that continues this one. */
function newerLog(context: Context, name: string): () => Promise<Opened | undefined> {
  let lookedAt = context.now();
  return async () => {
    if (context.now() - lookedAt < EPOCH_CHECK_MS) return undefined;
    lookedAt = context.now();
    const current = await context.openReader();
    return current.name === name ? undefined : current;
  };
}

interface FollowOne {
  readonly from: { readonly first: number; readonly offset: number } | undefined;
  readonly signal: AbortSignal;
  readonly filter: LogFilter;
  readonly print: RowPrinter;
  readonly pairing: Pairing;
  /** Looks whether another log took over. */
  next(): Promise<Opened | undefined>;
}

/** Until the signal, or until another log takes over. */
async function followOne(
  context: Context,
  directory: string,
  options: FollowOne,
): Promise<Opened | undefined> {
  for await (const news of follow(directory, options)) {
    if (news.kind === 'idle') {
      const moved = await options.next();
      if (moved !== undefined) return moved;
    } else if (news.kind === 'lines') await printLines(context, news, options);
    else await warnOf(context, news);
  }
  return undefined;
}

async function printLines(
  context: Context,
  { bytes, bounds, first, offset }: Extract<Followed, { kind: 'lines' }>,
  { filter, print, pairing }: FollowOne,
): Promise<void> {
  for (let i = 0; i < bounds.length; i += 2) {
    const line = bytes.subarray(bounds[i], bounds[i + 1]);
    const parsed = parseLine(line);
    if ('malformed' in parsed) await damaged(context, first, offset + (bounds[i] ?? 0), parsed.malformed);
    else {
      const facts = pairing.pair(parsed.entry).facts;
      if (matches(facts, filter)) await print.row({ facts, line });
    }
  }
}

async function damaged({ stderr }: Context, first: number, offset: number, why: string): Promise<void> {
  const where = `entries/${segmentName(first)} at byte ${offset}`;
  await stderr.line(
    `${stderr.style.red('damaged:')} ${where} is no entry: ${safe(why)}; see \`tally verify\``,
  );
}

async function warnOf(
  { stderr }: Context,
  news: Exclude<Followed, { kind: 'lines' | 'idle' }>,
): Promise<void> {
  const what = {
    replaced: `${news.name} was replaced by another file`,
    truncated: `${news.name} became shorter${news.kind === 'truncated' ? `, from ${news.from} to ${news.to} bytes` : ''}`,
    overlong: `${news.name} holds a line that is longer than an entry can be`,
  }[news.kind];
  await stderr.line(`${stderr.style.red('damaged:')} ${safe(what)}; see \`tally verify\``);
}

/** Exact bytes to a program; on a terminal the same values, spelled so that nothing in them is obeyed. */
function printStored({ stdout }: Context): RowPrinter {
  const row = ({ line }: { readonly line: Buffer }): Promise<void> =>
    stdout.isTTY
      ? stdout.line(safeJsonText(line.toString('utf8')))
      : stdout.write(Buffer.concat([line, Buffer.from('\n')]));
  return {
    row,
    async begin(rows) {
      for (const each of rows) await row(each);
    },
  };
}
