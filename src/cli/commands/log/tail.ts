import { Command, Option } from 'commander';
import { LIMITS } from '../../../core/limits.ts';
import type { SlicePlace } from '../../../core/ports.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import { createPairing, wants } from '../../../core/query/pairing.ts';
import type { Hit } from '../../../core/query/scan.ts';
import { type Followed, follow } from '../../../store/file/follow.ts';
import { segmentName } from '../../../store/file/names.ts';
import { fileSlices } from '../../../store/file/slices.ts';
import type { Context } from '../../context.ts';
import { type FilterOptions, filterOptions, toFilter } from '../../filters.ts';
import { examples, wholeNumber } from '../../help.ts';
import { readLog } from '../../reading.ts';
import { recordRead } from '../../record-read.ts';
import type { Row } from './row-printer.ts';
import { tailPrinter } from './tail-print.ts';
import { createTailWatch, type TailPrinter, type TailWatch } from './tail-watch.ts';

interface TailOptions extends FilterOptions {
  readonly limit?: number;
  readonly from?: number;
  readonly follow?: boolean;
  readonly jsonl?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_ROWS = 10;
/** How often a follower looks whether the log went on under another name (`tally log continue`). */
const EPOCH_CHECK_MS = 1_000;
const SLICE = 1024 * 1024;

export function buildTail(context: Context): Command {
  const command = new Command('tail')
    .description(
      'The newest entries in the order of the log, and with -f every new one within some milliseconds of being durable. Where entries are missing, or no recorder ran, a line says so. Ends with Ctrl-C, and tells where to go on.',
    )
    .option('-f, --follow', 'go on with new entries')
    .option(
      '-n, --limit <n>',
      `entries to begin with (${DEFAULT_ROWS}; with --from or --since all of them)`,
      wholeNumber(0),
    )
    .addOption(
      new Option('--from <index>', 'begin with this entry').argParser(wholeNumber(0)).conflicts('limit'),
    )
    .option('--jsonl', 'the stored bytes, one entry a line')
    .option('--utc', 'times in UTC, not in the local zone')
    .option('--dir <directory>', 'another log directory');
  filterOptions(command);
  return examples(command, [
    ['tally log tail -f', 'watch live'],
    ['tally log tail -f --blocked', 'watch what is refused'],
    ['tally log tail -f --from 1200', 'go on where you were'],
    ['tally log tail -f -n 0 --jsonl | jq .action.target.host', 'feed another program'],
  ]).action((options: TailOptions) => tail(context, options));
}

type Opened = Awaited<ReturnType<Context['openReader']>>;
type Place = { readonly first: number; readonly offset: number };

async function tail(context: Context, options: TailOptions): Promise<void> {
  const { stdout, stderr } = context;
  const zone = { utc: options.utc === true };
  const filter = toFilter(options, context.now(), zone);
  await recordRead(context, 'tail', filter, options.dir);
  let opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const signal =
    options.follow === true ? AbortSignal.any([context.interrupted(), stdout.gone]) : stdout.gone;

  const print = tailPrinter(context, zone, options.jsonl === true);
  let watch = createTailWatch(filter, print);
  const forwards = options.from !== undefined || (filter.since !== undefined && options.limit === undefined);
  let from = forwards
    ? await readForwards(opened, options.from, filter, { print, watch, signal })
    : await readNewest(opened, options.limit ?? DEFAULT_ROWS, filter, {
        print,
        watch,
        follow: options.follow === true,
      });
  if (from === undefined && options.follow !== true) await opened.logInfo();
  if (options.follow !== true) return;

  if (from === undefined) await stderr.line(stderr.style.dim('waiting for the first entry'));
  for (;;) {
    const next =
      options.dir === undefined ? newerLog(context, opened.name) : () => Promise.resolve(undefined);
    const moved = await followOne(opened.directory, { from, signal, print, watch, next });
    if (moved === undefined) break;
    await stderr.line(stderr.style.yellow(`the log goes on as ${moved.name}`));
    opened = moved;
    from = undefined;
    watch = createTailWatch(filter, print);
  }
  if (!stdout.gone.aborted && watch.next !== undefined)
    await stderr.line(stderr.style.dim(`to go on from here: tally log tail -f --from ${watch.next}`));
}

interface Reading {
  readonly print: TailPrinter;
  readonly watch: TailWatch;
}

/** Prints the newest entries. Answers where the next one will be; undefined for a log without entries. */
async function readNewest(
  { directory }: Opened,
  limit: number,
  filter: LogFilter,
  { print, watch, follow: follows }: Reading & { readonly follow: boolean },
): Promise<Place | undefined> {
  // Following begins where this ended; what comes while the rows are looked for is left to it.
  const followFrom = follows ? await recallEnd(directory, watch) : undefined;
  // A filter looks at whole calls, as it will when they come; without one every entry is wanted by itself.
  const raw = filter.phase !== undefined || Object.keys(filter).length === 0;
  const reading = await readLog(directory, { filter, raw, limit: Math.max(1, limit) });
  const hits: Hit[] = [];
  if (limit > 0) {
    for await (const hit of reading.hits()) hits.push(hit);
    for (const { first, offset, why } of reading.summary().malformed.lines)
      await print.damaged(`entries/${segmentName(first)} at byte ${offset} is no entry: ${why}`);
  }
  const pairing = createPairing();
  const rows: (Row & { readonly index: number })[] = [];
  for (const { call, lines } of hits) {
    for (const [i, entry] of [call.first, ...(call.last === undefined ? [] : [call.last])].entries()) {
      const paired = pairing.pair(entry);
      const line = lines[i];
      const index = paired.facts.index ?? 0;
      const later = follows && index >= (watch.next ?? 0);
      if (line !== undefined && !later && wants(paired, filter))
        rows.push({ facts: paired.facts, line, index });
    }
  }
  rows.sort((a, b) => a.index - b.index);
  await print.begin(rows.slice(Math.max(0, rows.length - limit)));
  return follows ? followFrom : reading.end;
}

/** The entries before the end: what they began may end while we follow. Answers where the end is. */
async function recallEnd(directory: string, watch: TailWatch): Promise<Place | undefined> {
  const newest = await readLog(directory, { filter: {}, raw: true, limit: LIMITS.liveLookBack });
  const lines: Buffer[] = [];
  for await (const hit of newest.hits()) lines.push(...hit.lines);
  for (const line of lines.reverse()) watch.recall(line);
  return newest.end;
}

/** Prints everything from an index, or a time, to the end. Answers where that is. */
async function readForwards(
  { directory }: Opened,
  from: number | undefined,
  filter: LogFilter,
  { print, watch, signal }: Reading & { readonly signal: AbortSignal },
): Promise<Place | undefined> {
  const slices = fileSlices(directory);
  const start = from ?? (await slices.since(filter.since ?? ''));
  await print.begin([]);
  let place: SlicePlace | { readonly index: number } = { index: Math.max(0, start - LIMITS.liveLookBack) };
  let end: Place | undefined;
  while (!signal.aborted) {
    const slice = await slices.read(place, Number.MAX_SAFE_INTEGER, SLICE);
    if (slice.kind === 'lost') {
      // Nothing behind it: the end.
      if (slice.to === Number.MAX_SAFE_INTEGER) {
        if ('first' in place) end = place;
        break;
      }
      if (slice.to > start) await watch.lost(Math.max(start, slice.from), slice.to, slice.why);
      place = { index: slice.to };
      continue;
    }
    const { bounds, bytes } = slice;
    for (let i = 0; i < bounds.length && !signal.aborted; i += 2) {
      const index = slice.from + i / 2;
      const line = bytes.subarray(bounds[i], bounds[i + 1]);
      if (index < start) watch.recall(line);
      else await watch.take(line, { first: slice.next.first, offset: bounds[i] ?? 0 }, index);
    }
    place = slice.next;
    end = place as SlicePlace;
  }
  return end;
}

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

interface FollowOne extends Reading {
  readonly from: Place | undefined;
  readonly signal: AbortSignal;
  /** Looks whether another log took over. */
  next(): Promise<Opened | undefined>;
}

/** Until the signal, or until another log takes over. */
async function followOne(directory: string, options: FollowOne): Promise<Opened | undefined> {
  const { watch, print } = options;
  for await (const news of follow(directory, options)) {
    if (news.kind === 'idle') {
      const moved = await options.next();
      if (moved !== undefined) return moved;
    } else if (news.kind === 'lines') {
      const { bytes, bounds, first, offset } = news;
      for (let i = 0; i < bounds.length; i += 2)
        await watch.take(bytes.subarray(bounds[i], bounds[i + 1]), {
          first,
          offset: offset + (bounds[i] ?? 0),
        });
    } else {
      await print.damaged(changeText(news));
      if (news.kind !== 'overlong') watch.restart();
    }
  }
  return undefined;
}

function changeText(news: Exclude<Followed, { kind: 'lines' | 'idle' }>): string {
  switch (news.kind) {
    case 'replaced':
      return `${news.name} was replaced by another file`;
    case 'truncated':
      return `${news.name} became shorter, from ${news.from} to ${news.to} bytes`;
    case 'overlong':
      return `${news.name} holds a line that is longer than an entry can be`;
  }
}
