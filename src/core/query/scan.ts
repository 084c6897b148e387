/**
 * Finds calls in lines that come newest first. Pure: lines go in, calls come out.
 *
 * A call is two entries, and the newer one, its post_exec, is met first. It waits for its pre_exec; the row stands where
 * the call started. A post_exec that a filter did not let through is kept unparsed, in case its pre_exec turns out to be
 * wanted. Both memories are bounded: a wanted end that falls out is shown as a row of its own, never lost.
 *
 * A client's word about how an enforced call ended is a row of its own, and its older, true end still joins the call.
 */

import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { isSelfReported, mayEnd } from './assurance.ts';
import { type Call, goesOn } from './call.ts';
import { numberAt, textAt } from './fields.ts';
import { type LogFilter, matchesCall, needlesOf } from './filter.ts';
import { lineIds, lineParents, lineTime, parseLine } from './line.ts';

/** Where a line starts. */
export interface Place {
  /** First index of its segment. */
  readonly first: number;
  readonly offset: number;
}

/** Whole lines of one segment, in the order of the file. */
export interface LineBlock {
  readonly first: number;
  /** Byte offset of `bytes[0]` in the segment. */
  readonly offset: number;
  readonly bytes: Buffer;
  /** Start and end (without the newline) of each line: `[start0, end0, start1, end1, …]`. */
  readonly bounds: readonly number[];
}

export interface Malformed extends Place {
  readonly why: string;
}

export interface Hit {
  readonly call: Call;
  /** The stored lines, in the order of the log. */
  readonly lines: readonly Buffer[];
}

export interface ScanOptions {
  readonly filter: LogFilter;
  /** One row an entry instead of one a call. */
  readonly raw: boolean;
  /** Rows wanted; the scan is over when there are as many. */
  readonly limit: number;
}

export interface Scan {
  /** Takes the next block, older than all before; gives the rows that are complete with it, newest first. */
  take(block: LineBlock): readonly Hit[];
  /** Nothing older can add a row: there are enough, or everything older is before `since`. */
  readonly over: () => boolean;
  /** Rows whose start lies before everything that was taken. */
  finish(): readonly Hit[];
  readonly scanned: () => number;
  /** Whether `since` ended the scan. */
  readonly reachedSince: () => boolean;
  readonly malformed: () => { readonly count: number; readonly some: readonly Malformed[] };
}

interface Waiting {
  readonly entry: JsonObject;
  readonly line: Buffer;
}

const POST_EXEC = Buffer.from('"phase":"post_exec"');

export function createScan(options: ScanOptions): Scan {
  const { filter, raw, limit } = options;
  const needles = drivingNeedles(filter, raw);
  /** Ends that no filter let through are kept too: they may belong to a wanted call, or supersede an older end. */
  const keepsEnds = !raw && needles.length > 0;
  const waiting = new Map<string, readonly Waiting[]>();
  const unseen = recentLines();
  let rows: Hit[] = [];
  let found = 0;
  const some: Malformed[] = [];
  let malformed = 0;
  let scanned = 0;
  let older = 0;

  function parse(line: Buffer, place: Place): JsonObject | undefined {
    const parsed = parseLine(line);
    if ('entry' in parsed) return parsed.entry;
    malformed++;
    if (some.length < LIMITS.malformedShown) some.push({ ...place, why: parsed.malformed });
    return undefined;
  }

  function offer(call: Call, lines: readonly Buffer[]): void {
    if (found >= limit || goesOn(call) || !matchesCall(call, filter)) return;
    found++;
    rows.push({ call, lines });
  }

  function keepUnseen(line: Buffer): void {
    for (const parent of lineParents(line)) unseen.keep(parent, line);
  }

  /** A line that cannot match by itself counts only as the beginning of a call whose end is waiting. */
  function glance(line: Buffer, place: Place): void {
    let ids = 0;
    let awaited = false;
    for (const id of lineIds(line)) {
      ids++;
      awaited ||= waiting.has(id);
    }
    if (ids > 0 && !awaited) return;
    const entry = parse(line, place);
    if (entry !== undefined && waiting.has(textAt(entry, 'id') ?? '')) join(entry, line);
  }

  function look(line: Buffer, place: Place): void {
    const entry = parse(line, place);
    if (entry === undefined) return;
    const phase = raw ? undefined : textAt(entry, 'phase');
    const parent = textAt(entry, 'parent_id');
    if (phase === 'pre_exec') join(entry, line);
    else if (phase === 'post_exec' && parent !== undefined) wait(parent, entry, line);
    else offer({ first: entry }, [line]);
  }

  /**
   * A second end of the same call is older and was superseded: the newest one wins, this one stands alone. Only a
   * client's word does not supersede an older end that is none: the call, when it is met, says which of them counts.
   */
  function wait(parent: string, entry: JsonObject, line: Buffer): void {
    const held = waiting.get(parent) ?? [];
    const newer = [...held, ...unseenEnds(parent)];
    const superseded = isSelfReported(entry)
      ? newer.length > 0
      : newer.some((end) => !isSelfReported(end.entry));
    if (superseded) {
      offer({ first: entry }, [line]);
      return;
    }
    const evicted = remember(waiting, parent, [...held, { entry, line: Buffer.from(line) }]);
    for (const end of evicted ?? []) offer({ first: end.entry }, [end.line]);
  }

  function join(first: JsonObject, line: Buffer): void {
    const id = textAt(first, 'id') ?? '';
    const held = waiting.get(id) ?? [];
    waiting.delete(id);
    const last = [...held, ...unseenEnds(id)].sort(newestFirst).find(({ entry }) => mayEnd(first, entry));
    for (const end of held) if (end !== last) offer({ first: end.entry }, [end.line]);
    if (last === undefined) offer({ first }, [line]);
    else offer({ first, last: last.entry }, [line, last.line]);
  }

  /** Ends of that call among the lines that no filter let through. Parsed: nested objects imitate ends. */
  function unseenEnds(id: string): readonly Waiting[] {
    return unseen.find(id).flatMap((line) => {
      const parsed = parseLine(line);
      if (!('entry' in parsed)) return [];
      const { entry } = parsed;
      const ends = textAt(entry, 'phase') === 'post_exec' && textAt(entry, 'parent_id') === id;
      return ends ? [{ entry, line }] : [];
    });
  }

  return {
    scanned: () => scanned,
    malformed: () => ({ count: malformed, some }),
    over: () => found >= limit || older >= LIMITS.olderInARow,
    reachedSince: () => older >= LIMITS.olderInARow,
    take(block) {
      rows = [];
      const flags = containing(block, needles);
      const ends = keepsEnds ? containing(block, [POST_EXEC]) : undefined;
      for (let i = block.bounds.length / 2 - 1; i >= 0; i--) {
        const start = block.bounds[2 * i] ?? 0;
        const line = block.bytes.subarray(start, block.bounds[2 * i + 1]);
        scanned++;
        const ts = filter.since === undefined && filter.until === undefined ? undefined : lineTime(line);
        if (ts !== undefined && filter.since !== undefined) {
          older = ts < filter.since ? older + 1 : 0;
          // Clocks go back now and then; a long unbroken row of older entries is the past.
          if (older >= LIMITS.olderInARow) break;
          if (older > 0) continue;
        }
        if (ts !== undefined && filter.until !== undefined && raw && ts >= filter.until) continue;
        const place = { first: block.first, offset: block.offset + start };
        if (flags[i] === 1) look(line, place);
        else {
          if (ends?.[i] === 1) keepUnseen(line);
          if (waiting.size > 0) glance(line, place);
        }
        if (found >= limit) break;
      }
      return rows;
    },
    finish() {
      rows = [];
      for (const { entry, line } of [...waiting.values()].flat()) offer({ first: entry }, [line]);
      waiting.clear();
      return rows;
    },
  };
}

function newestFirst(a: Waiting, b: Waiting): number {
  return (numberAt(b.entry, 'index') ?? 0) - (numberAt(a.entry, 'index') ?? 0);
}

/** Adds to a bounded memory, and gives back what had to leave it. */
function remember<T>(memory: Map<string, T>, id: string, value: T): T | undefined {
  memory.set(id, value);
  if (memory.size <= LIMITS.rememberedCalls) return undefined;
  const [oldest] = memory;
  if (oldest === undefined) return undefined;
  memory.delete(oldest[0]);
  return oldest[1];
}

/** Copies of the lines that came last, by the ids they mention. Two generations: dropping the older one is one step. */
function recentLines(): { keep(id: string, line: Buffer): void; find(id: string): readonly Buffer[] } {
  let young = new Map<string, Buffer[]>();
  let old = new Map<string, Buffer[]>();
  let count = 0;
  let bytes = 0;
  return {
    keep(id, line) {
      const held = young.get(id);
      if (held === undefined) young.set(id, [Buffer.from(line)]);
      else held.push(Buffer.from(line));
      count++;
      bytes += line.length;
      if (count < LIMITS.rememberedCalls && bytes < LIMITS.rememberedCallBytes) return;
      old = young;
      young = new Map();
      count = 0;
      bytes = 0;
    },
    find: (id) => [...(old.get(id) ?? []), ...(young.get(id) ?? [])],
  };
}

/**
 * What a line must contain to be parsed. A call's outcome is in its post_exec and its decision in its pre_exec, so one
 * of the two leads to the other: the outcome does when it is asked for, since it is met first.
 */
function drivingNeedles(filter: LogFilter, raw: boolean): readonly Uint8Array[] {
  const { both, pre, post } = needlesOf(filter);
  return [...both, ...(post.length === 0 || raw ? pre : []), ...post];
}

/**
 * Marks the lines of a block that contain all needles. Each is searched forwards through the block once, whatever the
 * number of lines.
 */
function containing({ bytes, bounds }: LineBlock, needles: readonly Uint8Array[]): Uint8Array {
  const lines = bounds.length / 2;
  const flags = new Uint8Array(lines).fill(1);
  for (const needle of needles) {
    let at = bytes.indexOf(needle);
    for (let i = 0; i < lines; i++) {
      const start = bounds[2 * i] ?? 0;
      if (at !== -1 && at < start) at = bytes.indexOf(needle, start);
      if (at === -1 || at + needle.length > (bounds[2 * i + 1] ?? 0)) flags[i] = 0;
    }
  }
  return flags;
}
