/**
 * Entries of a log by index. It remembers where every 256th line of a segment starts, so that a segment is searched
 * once and then read from the place that is wanted.
 */
import { byteFinder, concatBytes } from '../bytes.ts';
import { LIMITS } from '../limits.ts';
import type { LogReader } from '../ports.ts';
import { TILE_WIDTH } from './tile.ts';

const NEWLINE = 0x0a;

export interface EntryReader {
  /**
   * The stored lines `from` to `to - 1` by their place, without newlines; fewer when the log is shorter. Of one that is
   * longer than an entry can be, which a file of somebody else may hold, not all bytes are there, but more than of an entry.
   */
  lines(from: number, to: number): Promise<Uint8Array[]>;
  /** Raw blocks of newline-ended lines from the line `from` on, a multiple of 256; to be taken in this order. */
  blocks(from: number): AsyncIterable<Uint8Array>;
}

interface Places {
  /** Offset of line 256·i of the segment. */
  readonly starts: number[];
  /** Searches for one segment run one after the other: each builds on what the one before found. */
  search: Promise<void>;
}

/** Lines below a signed size only: what follows them may still be cut off, and the places with it. */
export function createEntryReader(reader: Pick<LogReader, 'segments' | 'read' | 'seek'>): EntryReader {
  const placed = new Map<number, Places>();
  let firsts: readonly number[] = [];

  /** The segments from the one that holds entry `index` to the one of `to`. Only the last one may get successors. */
  async function segmentsFrom(index: number, to: number): Promise<readonly number[]> {
    if (to > (firsts.at(-1) ?? 0)) firsts = (await reader.segments()).map(({ first }) => first);
    const at = firsts.findLastIndex((first) => first <= index);
    return at === -1 ? [] : firsts.slice(at);
  }

  function placesOf(first: number): Places {
    const known = placed.get(first) ?? { starts: [0], search: Promise.resolve() };
    // The least recently used one is forgotten.
    placed.delete(first);
    placed.set(first, known);
    const [oldest] = placed.keys();
    if (placed.size > LIMITS.placedSegments && oldest !== undefined) placed.delete(oldest);
    return known;
  }

  /** Finds the starts up to group `group` of the segment, or to its end. */
  async function search(first: number, { starts }: Places, group: number): Promise<void> {
    if (starts.length > group) return;
    let offset = starts.at(-1) ?? 0;
    let line = (starts.length - 1) * TILE_WIDTH;
    for await (const block of reader.read(first, offset)) {
      const find = byteFinder(block, NEWLINE);
      for (let end = find(0); end >= 0; end = find(end + 1)) {
        line++;
        if (line % TILE_WIDTH === 0) starts.push(offset + end + 1);
      }
      if (starts.length > group) return;
      offset += block.length;
    }
  }

  /** Offset of the line `index - index mod 256` in its segment; the end of what is known when it is not there. */
  async function startOf(first: number, index: number): Promise<{ offset: number; line: number }> {
    const group = Math.floor((index - first) / TILE_WIDTH);
    const places = placesOf(first);
    if (places.starts.length <= group) {
      // A sealed segment knows the places by itself.
      const near = await reader.seek(first, index);
      if (near.index === first + group * TILE_WIDTH) return { offset: near.offset, line: near.index };
    }
    const turn = places.search.then(() => search(first, places, group));
    // A search that fails fails its own caller; the next one looks again.
    places.search = turn.catch(() => undefined);
    await turn;
    const at = Math.min(group, places.starts.length - 1);
    return { offset: places.starts[at] ?? 0, line: first + at * TILE_WIDTH };
  }

  /** Whoever asks for one bundle asks for the next: the block that was read last holds a dozen of them. */
  let recent: { readonly first: number; readonly offset: number; readonly bytes: Uint8Array } | undefined;

  async function* blocksOf(first: number, offset: number): AsyncGenerator<Uint8Array> {
    let at = offset;
    const end = recent === undefined ? 0 : recent.offset + recent.bytes.length;
    if (recent !== undefined && recent.first === first && offset >= recent.offset && offset < end) {
      at = end;
      yield recent.bytes.subarray(offset - recent.offset);
    }
    for await (const bytes of reader.read(first, at)) {
      recent = { first, offset: at, bytes };
      at += bytes.length;
      yield bytes;
    }
  }

  return {
    async lines(from, to) {
      const lines: Uint8Array[] = [];
      if (from >= to) return lines;
      const segments = await segmentsFrom(from, to);
      for (const [i, first] of segments.entries()) {
        if (first >= to) break;
        const start = await startOf(first, Math.max(from, first));
        let line = start.line;
        // A segment that holds more than its name and the next one's say does not push entries off their places.
        const last = Math.min(to, segments[i + 1] ?? Number.POSITIVE_INFINITY);
        let open: Uint8Array[] = [];
        let held = 0;
        for await (const block of blocksOf(first, start.offset)) {
          const find = byteFinder(block, NEWLINE);
          let at = 0;
          for (let end = find(0); end >= 0 && line < last; end = find(at)) {
            if (line >= from) lines.push(concatBytes(...open, block.subarray(at, end)));
            open = [];
            held = 0;
            line++;
            at = end + 1;
          }
          if (line >= last) break;
          if (held > LIMITS.entryBytes) continue;
          // A copy: a part of a block would keep all of it in memory.
          const rest = Uint8Array.from(block.subarray(at, at + LIMITS.entryBytes + 1));
          open.push(rest);
          held += rest.length;
        }
        if (line < last) break;
      }
      return lines;
    },
    async *blocks(from) {
      for (const first of await segmentsFrom(from, Number.POSITIVE_INFINITY))
        yield* reader.read(first, first > from ? 0 : (await startOf(first, from)).offset);
    },
  };
}
