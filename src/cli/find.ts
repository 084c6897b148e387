/** One entry of a log by its index or id, and the other half of its call. */
import { TallyError } from '../core/error.ts';
import type { JsonObject } from '../core/json.ts';
import { numberAt, textAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { OpenedReader } from '../open.ts';
import { type BackwardBlock, readBackwards } from '../store/file/backwards.ts';
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

/** Errors: `NOT_FOUND`, `LOG_DAMAGED` when what stands there is no entry, `USAGE`. */
export async function findEntry(opened: OpenedReader, which: string): Promise<FoundEntry> {
  if (/^\d{1,16}$/.test(which)) return byIndex(opened, Number(which));
  if (/^log_[0-9A-HJKMNP-TV-Z]{26}$/i.test(which)) return byId(opened, `log_${which.slice(4).toUpperCase()}`);
  throw new TallyError('USAGE', `neither an index nor an id: ${which}`, {
    hint: 'write a number (the # column of `tally log list`) or an id: log_ and 26 letters and digits',
  });
}

async function byIndex(opened: OpenedReader, index: number): Promise<FoundEntry> {
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
  const { entry } = parsed;
  return { entry, line, index, prev: textAt(entry, 'prev'), other: await otherHalf(opened, entry) };
}

async function byId(opened: OpenedReader, id: string): Promise<FoundEntry> {
  const hit = await search(opened, [needle('id', id)], (entry) => textAt(entry, 'id') === id);
  if (hit === undefined) {
    await opened.logInfo();
    throw notFound(`this log has no entry ${id}`);
  }
  const index = numberAt(hit.entry, 'index');
  const [line] = index === undefined ? [] : await readLines(opened.reader, index, index + 1);
  // The index that it carries is not the place where it stands: somebody moved or renumbered it.
  if (index === undefined || line === undefined || !line.equals(hit.line)) {
    throw new TallyError(
      'LOG_DAMAGED',
      `the entry ${id} does not stand at the index it carries (${index ?? 'none'})`,
      {
        hint: 'run `tally verify`: it names every entry that was altered',
      },
    );
  }
  const { entry } = hit;
  return { entry, line, index, prev: textAt(entry, 'prev'), other: await otherHalf(opened, entry) };
}

async function otherHalf(opened: OpenedReader, entry: JsonObject): Promise<JsonObject | undefined> {
  const phase = textAt(entry, 'phase');
  if (phase === 'pre_exec') {
    const id = textAt(entry, 'id') ?? '';
    const isEnd = (other: JsonObject): boolean =>
      textAt(other, 'parent_id') === id && textAt(other, 'phase') === 'post_exec';
    return (await search(opened, [needle('parent_id', id)], isEnd, numberAt(entry, 'index')))?.entry;
  }
  const parent = phase === 'post_exec' ? textAt(entry, 'parent_id') : undefined;
  if (parent === undefined) return undefined;
  return (await search(opened, [needle('id', parent)], (other) => textAt(other, 'id') === parent))?.entry;
}

function needle(name: string, value: string): Buffer {
  return Buffer.from(`"${name}":${JSON.stringify(value)}`);
}

interface Hit {
  readonly entry: JsonObject;
  readonly line: Buffer;
}

/** The newest entry that contains the needles and that `is` accepts. Reads no segment that is older than `notBefore`. */
async function search(
  opened: OpenedReader,
  needles: readonly Buffer[],
  is: (entry: JsonObject) => boolean,
  notBefore = 0,
): Promise<Hit | undefined> {
  const segments = await opened.reader.segments();
  const oldest = segments.findLast(({ first }) => first <= notBefore)?.first ?? 0;
  const backwards = await readBackwards(opened.directory);
  for await (const block of backwards.blocks()) {
    if (block.first < oldest) return undefined;
    const hit = needles.every((text) => block.bytes.includes(text)) ? inBlock(block, needles, is) : undefined;
    if (hit !== undefined) return hit;
  }
  return undefined;
}

function inBlock(
  { bytes, bounds }: BackwardBlock,
  needles: readonly Buffer[],
  is: (entry: JsonObject) => boolean,
): Hit | undefined {
  for (let i = bounds.length - 2; i >= 0; i -= 2) {
    const line = bytes.subarray(bounds[i], bounds[i + 1]);
    if (!needles.every((text) => line.includes(text))) continue;
    const parsed = parseLine(line);
    if ('entry' in parsed && is(parsed.entry)) return { entry: parsed.entry, line: Buffer.from(line) };
  }
  return undefined;
}

function notFound(message: string): TallyError {
  return new TallyError('NOT_FOUND', message, { hint: '`tally log list` shows what there is' });
}
