/**
 * A log read a little at a time, by many readers at once: nothing stays open between two reads, and each is bounded.
 * Places survive that a segment is sealed meanwhile, since offsets count its lines.
 */
import { join } from 'node:path';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LineSlices, Slice, SlicePlace } from '../../core/ports.ts';
import { lineTime } from '../../core/query/line.ts';
import { listSegments } from './names.ts';
import { openSegmentFile } from './segment.ts';
import type { SegmentFile } from './segment-file.ts';

const NEWLINE = 0x0a;
const BLOCK = 1024 * 1024;
/** Lines between two places of a plain segment that are remembered. */
const STRIDE = 1_024;

export function fileSlices(directory: string): LineSlices {
  const entries = join(directory, 'entries');
  /** By the first index of a plain segment: offset of every `STRIDE`th line, as far as it was looked at. */
  const places = new Map<number, number[]>();

  function placesOf(first: number): number[] {
    const known = places.get(first) ?? [0];
    places.delete(first);
    places.set(first, known);
    const [oldest] = places.keys();
    if (places.size > LIMITS.placedSegments && oldest !== undefined) places.delete(oldest);
    return known;
  }

  async function firsts(): Promise<readonly number[]> {
    return (await listSegments(entries)).map(({ first }) => first);
  }

  async function opened<T>(first: number, use: (file: SegmentFile) => Promise<T>): Promise<T | undefined> {
    const file = await openSegmentFile(entries, first);
    if (file === undefined) return undefined;
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }

  /** Where line `index` of the segment starts; undefined when it has fewer. */
  async function offsetOf(file: SegmentFile, index: number): Promise<number | undefined> {
    const near = file.sealed ? await file.seek(index) : nearIn(placesOf(file.first), file.first, index);
    let { index: line, offset } = near;
    while (line < index) {
      const bytes = await file.readAt(offset, BLOCK);
      let at = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1 && line < index; end = bytes.indexOf(NEWLINE, at)) {
        at = end + 1;
        line++;
        if (!file.sealed) remember(placesOf(file.first), line - file.first, offset + at);
      }
      if (at === 0) return undefined;
      offset += at;
    }
    return offset;
  }

  async function find(index: number): Promise<SlicePlace | undefined> {
    const first = (await firsts()).findLast((one) => one <= index);
    if (first === undefined) return undefined;
    const offset = await opened(first, (file) => offsetOf(file, index));
    return offset === undefined ? undefined : { index, first, offset };
  }

  /** Where reading goes on behind what is not there: the next segment, or the end. */
  async function behind(index: number, end: number): Promise<number> {
    const next = (await firsts()).find((one) => one > index);
    return Math.min(end, next ?? end);
  }

  async function lines(place: SlicePlace, end: number, most: number): Promise<Slice> {
    const next = (await firsts()).find((one) => one > place.first) ?? Number.POSITIVE_INFINITY;
    const stop = Math.min(end, next);
    const read = await opened(place.first, async (file) => {
      const bytes = await file.readAt(place.offset, most);
      // A line that is longer than asked for is read whole; one that is longer than an entry can be is none.
      return bytes.includes(NEWLINE) || bytes.length < most
        ? bytes
        : file.readAt(place.offset, LIMITS.entryBytes * 2);
    });
    const bounds: number[] = [];
    let start = 0;
    let { index } = place;
    if (read !== undefined)
      for (let at = read.indexOf(NEWLINE); at !== -1 && index < stop; at = read.indexOf(NEWLINE, start)) {
        bounds.push(start, at);
        start = at + 1;
        index++;
      }
    if (read === undefined || bounds.length === 0)
      return {
        kind: 'lost',
        from: place.index,
        to: await behind(place.index, end),
        why: 'the file ends before it',
      };
    const after: SlicePlace =
      index < next
        ? { index, first: place.first, offset: place.offset + start }
        : { index, first: next, offset: 0 };
    return { kind: 'lines', from: place.index, bytes: read, bounds, next: after };
  }

  return {
    find,
    async read(place, end, most) {
      try {
        const at = 'first' in place ? place : await find(place.index);
        if (at !== undefined) return await lines(at, end, most);
        const to = await behind(place.index, end);
        return { kind: 'lost', from: place.index, to, why: 'no file of the log holds it' };
      } catch (error) {
        if (!isTallyError(error) || error.code !== 'LOG_DAMAGED') throw error;
        // What cannot be decompressed are whole frames: the next one may be good.
        const frame = (Math.floor(place.index / LIMITS.tileWidth) + 1) * LIMITS.tileWidth;
        const to = Math.min(frame, await behind(place.index, end));
        return { kind: 'lost', from: place.index, to, why: error.message };
      }
    },
    async since(time) {
      const known = await firsts();
      for (const first of known.toReversed()) {
        const line = await opened(first, (file) => firstLine(file));
        const begun = line === undefined ? undefined : lineTime(line);
        if (begun !== undefined && begun < time) return first;
      }
      return known[0] ?? 0;
    },
  };
}

async function firstLine(file: SegmentFile): Promise<Buffer> {
  const bytes = await file.readAt(0, LIMITS.entryBytes);
  const end = bytes.indexOf(NEWLINE);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function nearIn(starts: readonly number[], first: number, index: number): { index: number; offset: number } {
  const at = Math.min(Math.floor((index - first) / STRIDE), starts.length - 1);
  return { index: first + at * STRIDE, offset: starts[at] ?? 0 };
}

function remember(starts: number[], line: number, offset: number): void {
  if (line === starts.length * STRIDE) starts.push(offset);
}
