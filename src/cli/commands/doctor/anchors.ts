/** Anchors: what nobody outside has seen can be rewritten by whoever has the key of the log. */
import { isTallyError } from '../../../core/error.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { LogReader } from '../../../core/ports.ts';
import { textAt } from '../../../core/query/fields.ts';
import { parseLine } from '../../../core/query/line.ts';
import type { OpenedReader } from '../../../reader.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { readLines } from '../../lines.ts';
import { formatDuration } from '../../output/time.ts';
import { readLog } from '../../reading.ts';
import { signedSize } from '../../signed-size.ts';
import { type AnchorStatus, anchorStatuses } from '../status/anchors.ts';
import { type Check, fail, ok, skip, warn } from './check.ts';

const NAME = 'anchors';
/** A slow answer or one failure is no news; an anchor that misses this many turns stands still. */
const OVERDUE_TURNS = 3;

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** One anchor, as far as it can be told. */
export interface AnchorFacts extends Pick<AnchorStatus, 'name' | 'every_s' | 'last' | 'lag_ms'> {
  readonly failing?: Failure;
  /** How long the first signed entry that it was not shown has waited; absent when it was shown all. */
  readonly waiting_ms?: number;
}

export async function checkAnchors(
  context: Context,
  { directory, reader }: OpenedReader,
  running: OpResults['status'] | undefined,
): Promise<Check> {
  try {
    const signed = await signedSize(reader);
    const statuses = await anchorStatuses(context, { directory, signed }, running?.anchors);
    const untold = new Set(statuses.filter(({ served }) => !served).map(({ name }) => name));
    const recorded = await recordedFailures(directory, untold);
    return judgeAnchorFacts(
      await Promise.all(
        statuses.map(async (status): Promise<AnchorFacts> => {
          const failing = status.failing ?? recorded.get(status.name);
          const since = await firstNews(reader, status.last?.size ?? 0, signed);
          const lastAt = status.last === undefined ? 0 : Date.parse(status.last.at);
          const waiting_ms =
            since === undefined ? undefined : Math.max(0, context.now() - Math.max(since, lastAt));
          return {
            name: status.name,
            every_s: status.every_s,
            ...(status.last === undefined ? {} : { last: status.last }),
            ...(status.lag_ms === undefined ? {} : { lag_ms: status.lag_ms }),
            ...(failing === undefined ? {} : { failing }),
            ...(waiting_ms === undefined ? {} : { waiting_ms }),
          };
        }),
      ),
    );
  } catch (error) {
    if (isTallyError(error)) return skip(NAME, `nobody can tell: ${error.message}`);
    throw error;
  }
}

/** The worst of them decides what is said to mend; all are told. */
export function judgeAnchorFacts(anchors: readonly AnchorFacts[]): Check {
  if (anchors.length === 0)
    return skip(NAME, 'none is configured: nobody outside has seen this log (tally anchor add --help)');
  const detail = anchors.map(told).join('; ');
  const conflict = anchors.find(({ failing }) => failing?.code === 'ANCHOR_CONFLICT');
  if (conflict !== undefined) return fail(NAME, detail, 'before anything else is recorded: tally verify');
  const bad = anchors.filter((one) => one.failing !== undefined || isOverdue(one));
  const [first] = bad;
  if (first === undefined) return ok(NAME, detail);
  return warn(NAME, detail, bad.length === 1 ? `tally anchor run ${first.name}` : 'tally anchor run');
}

function isOverdue({ waiting_ms, every_s }: AnchorFacts): boolean {
  return waiting_ms !== undefined && waiting_ms > OVERDUE_TURNS * every_s * 1000;
}

function told(anchor: AnchorFacts): string {
  const { name, last, lag_ms, failing, waiting_ms } = anchor;
  const stands =
    last === undefined
      ? 'no receipt yet'
      : `last receipt over ${last.size.toLocaleString('en-US')} entries, ${formatDuration(lag_ms ?? 0)} ago`;
  const overdue = isOverdue(anchor) ? `, overdue: entries wait for ${formatDuration(waiting_ms ?? 0)}` : '';
  return `${name}: ${stands}${overdue}${failing === undefined ? '' : `, failing: ${failing.message}`}`;
}

function isAboutAnchors(entry: JsonObject): boolean {
  return textAt(entry, 'type')?.startsWith('anchor.') === true;
}

const CHUNK = 1_024;

/** When the first entry from `from` on was written that is not about anchors: those alone are nothing to show. */
async function firstNews(reader: LogReader, from: number, to: number): Promise<number | undefined> {
  for (let at = from; at < to; at += CHUNK) {
    for (const line of await readLines(reader, at, Math.min(to, at + CHUNK))) {
      const parsed = parseLine(line);
      if (!('entry' in parsed) || isAboutAnchors(parsed.entry)) continue;
      const ts = Date.parse(textAt(parsed.entry, 'ts') ?? '');
      return Number.isNaN(ts) ? 0 : ts;
    }
  }
  return undefined;
}

/** Without a recorder that could tell: of each of these, the failure that came last, unless a receipt came after it. */
async function recordedFailures(
  directory: string,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Failure>> {
  const found = new Map<string, Failure | undefined>();
  if (names.size > 0) {
    const filter = { types: ['anchor.ok', 'anchor.fail'] };
    const reading = await readLog(directory, { filter, raw: true, limit: Number.MAX_SAFE_INTEGER });
    for await (const { call } of reading.hits()) {
      const name = textAt(call.first, 'metadata', 'anchor') ?? '';
      if (!names.has(name) || found.has(name)) continue;
      found.set(name, failureIn(call.first));
      if (found.size === names.size) break;
    }
  }
  return new Map([...found].flatMap(([name, failure]) => (failure === undefined ? [] : [[name, failure]])));
}

function failureIn(entry: JsonObject): Failure | undefined {
  if (textAt(entry, 'type') !== 'anchor.fail') return undefined;
  return {
    code: textAt(entry, 'metadata', 'code') ?? 'ANCHOR_FAILED',
    message: textAt(entry, 'metadata', 'reason') ?? 'no reason is on record',
  };
}
