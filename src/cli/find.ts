/** One entry of a log by its index or id, and the other half of its call. */
import { TallyError } from '../core/error.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader, SegmentDamage } from '../core/ports.ts';
import { numberAt, textAt } from '../core/query/fields.ts';
import { lineTime, parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import type { Query } from '../core/query/port.ts';
import type { OpenedReader } from '../reader.ts';
import { segmentDamaged } from '../store/file/sealed-damage.ts';
import { readLines } from './lines.ts';

export interface FoundEntry {
  readonly entry: JsonObject;
  /** The stored bytes, without the newline. */
  readonly line: Buffer;
  /** Its place in the log. */
  readonly index: number;
  readonly prev: string | undefined;
  /** The post_exec of a pre_exec, or the other way round. */
  readonly other: JsonObject | undefined;
}

/**
 * Found through the index where there is one; what it says counts when the log holds just that, and otherwise the files
 * are searched. Errors: `NOT_FOUND`, `LOG_DAMAGED` when what stands there is no entry, `USAGE`.
 */
export async function findEntry(opened: OpenedReader, which: string, query?: Query): Promise<FoundEntry> {
  if (/^\d{1,16}$/.test(which)) return byIndex(opened, Number(which), query);
  if (/^log_[0-9A-HJKMNP-TV-Z]{26}$/i.test(which))
    return byId(opened, `log_${which.slice(4).toUpperCase()}`, query);
  throw new TallyError('USAGE', `neither an index nor an id: ${which}`, {
    hint: 'write a number (the # column of `tally log list`) or an id: log_ and 26 letters and digits',
  });
}

async function byIndex(opened: OpenedReader, index: number, query?: Query): Promise<FoundEntry> {
  const [line] = await readLines(opened.reader, index, index + 1);
  if (line === undefined) {
    await opened.logInfo();
    throw notFound(`this log has no entry ${index}`);
  }
  const parsed = parseLine(line);
  if ('malformed' in parsed) {
    throw new TallyError('LOG_DAMAGED', `the line at index ${index} is no entry: ${parsed.malformed}`, {
      hint: 'run `tally verify`: it names every entry that was altered',
      details: { index },
    });
  }
  return found(opened, { entry: parsed.entry, line }, index, query);
}

async function byId(opened: OpenedReader, id: string, query?: Query): Promise<FoundEntry> {
  const { reader } = opened;
  const indexed = await query?.indexOf(id);
  const placed = indexed === undefined ? undefined : await entryAt(reader, indexed);
  if (indexed !== undefined && placed !== undefined && textAt(placed.entry, 'id') === id)
    if (numberAt(placed.entry, 'index') === indexed) return found(opened, placed, indexed, query);
  const [hit] = await search(
    reader,
    await likelyFirst(reader, id),
    needle('id', id),
    (entry) => textAt(entry, 'id') === id,
  );
  if (hit === undefined) {
    await opened.logInfo();
    throw notFound(`this log has no entry ${id}`);
  }
  const index = numberAt(hit.entry, 'index');
  const [line] = index === undefined ? [] : await readLines(reader, index, index + 1);
  // The index that it carries is not the place where it stands: somebody moved or renumbered it.
  if (index === undefined || line === undefined || !line.equals(hit.line)) {
    throw new TallyError(
      'LOG_DAMAGED',
      `the entry ${id} does not stand at the index it carries (${index ?? 'none'})`,
      { hint: 'run `tally verify`: it names every entry that was altered' },
    );
  }
  return found(opened, hit, index, query);
}

async function found(
  { reader }: OpenedReader,
  { entry, line }: Hit,
  index: number,
  query?: Query,
): Promise<FoundEntry> {
  const indexed = query === undefined ? undefined : await indexedHalf(reader, entry, index, query);
  const other = indexed === undefined ? await otherHalf(reader, entry, index) : indexed.other;
  return { entry, line, index, prev: textAt(entry, 'prev'), other };
}

async function entryAt(reader: LogReader, index: number): Promise<Hit | undefined> {
  const [line] = await readLines(reader, index, index + 1);
  const parsed = line === undefined ? undefined : parseLine(line);
  return line !== undefined && parsed !== undefined && 'entry' in parsed
    ? { entry: parsed.entry, line }
    : undefined;
}

/** The other half as the index tells it; undefined when it knows less than the log, or something else. */
async function indexedHalf(
  reader: LogReader,
  entry: JsonObject,
  index: number,
  query: Query,
): Promise<{ readonly other: JsonObject | undefined } | undefined> {
  if (index >= query.size) return undefined;
  const phase = textAt(entry, 'phase');
  const parent = textAt(entry, 'parent_id');
  if (phase !== 'pre_exec' && phase !== 'post_exec') return { other: undefined };
  const row = await query.rowOf(index);
  if (row === undefined) return undefined;
  // An end that another one replaced is a row of its own; its call is found by what it says.
  const place =
    phase === 'pre_exec' ? row.end : row.index === index ? await query.indexOf(parent ?? '') : row.index;
  if (place === undefined) return { other: undefined };
  const other = await entryAt(reader, place);
  const fits =
    phase === 'pre_exec'
      ? textAt(other?.entry, 'parent_id') === textAt(entry, 'id')
      : textAt(other?.entry, 'id') === parent;
  return other !== undefined && fits ? { other: other.entry } : undefined;
}

/** Calls are short: the other half is searched from here on, not from an end of the log. */
async function otherHalf(
  reader: LogReader,
  entry: JsonObject,
  index: number,
): Promise<JsonObject | undefined> {
  const all = (await reader.segments()).map(({ first }) => first);
  const own = all.findLastIndex((first) => first <= index);
  const phase = textAt(entry, 'phase');
  if (phase === 'pre_exec') {
    const id = textAt(entry, 'id') ?? '';
    const isEnd = (other: JsonObject): boolean =>
      textAt(other, 'parent_id') === id && textAt(other, 'phase') === 'post_exec';
    // An end that nobody saw may be followed by the true one, which then counts.
    const isFinal = (other: JsonObject): boolean => textAt(other, 'outcome', 'status') !== 'unknown';
    const ends = await search(reader, all.slice(own), needle('parent_id', id), isEnd, isFinal);
    return ends.at(-1)?.entry;
  }
  const parent = phase === 'post_exec' ? textAt(entry, 'parent_id') : undefined;
  if (parent === undefined) return undefined;
  const older = all.slice(0, own + 1).reverse();
  const [hit] = await search(reader, older, needle('id', parent), (other) => textAt(other, 'id') === parent);
  return hit?.entry;
}

function needle(name: string, value: string): Buffer {
  return Buffer.from(`"${name}":${JSON.stringify(value)}`);
}

interface Hit {
  readonly entry: JsonObject;
  readonly line: Buffer;
}

/** Entries that contain `text` and that `is` accepts, segment by segment, until one is `enough`. */
async function search(
  reader: LogReader,
  segments: readonly number[],
  text: Buffer,
  is: (entry: JsonObject) => boolean,
  enough: (entry: JsonObject) => boolean = () => true,
): Promise<readonly Hit[]> {
  const hits: Hit[] = [];
  let damage: SegmentDamage | undefined;
  const over = (): boolean => hits.some(({ entry }) => enough(entry));
  for (const first of segments) {
    const finder = createMentionFinder(text, LIMITS.entryBytes, (line) => {
      const parsed = over() ? undefined : parseLine(line);
      if (parsed !== undefined && 'entry' in parsed && is(parsed.entry)) {
        hits.push({ entry: parsed.entry, line: Buffer.from(line) });
      }
    });
    for await (const block of reader.read(first, 0, (seen) => (damage ??= seen))) {
      finder.push(block);
      if (over()) return hits;
    }
  }
  // It may be what cannot be read any more: then nobody can say that there is none.
  if (damage !== undefined && hits.length === 0) throw segmentDamaged(damage);
  return hits;
}

const ULID_TIME = 10;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Newest segment first, but before all others the one that was being written when the id was made. */
async function likelyFirst(reader: LogReader, id: string): Promise<readonly number[]> {
  const made = [...id.slice('log_'.length, 'log_'.length + ULID_TIME)].reduce(
    (ms, digit) => ms * CROCKFORD.length + CROCKFORD.indexOf(digit),
    0,
  );
  const segments = (await reader.segments()).toReversed().map(({ first }) => first);
  for (const first of segments) {
    const [line] = await readLines(reader, first, first + 1);
    const begun = line === undefined ? undefined : lineTime(line);
    if (begun !== undefined && Date.parse(begun) <= made)
      return [first, ...segments.filter((other) => other !== first)];
  }
  return segments;
}

function notFound(message: string): TallyError {
  return new TallyError('NOT_FOUND', message, { hint: '`tally log list` shows what there is' });
}
