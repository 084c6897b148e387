/**
 * What the index keeps of each entry, 128 of them in one piece: where their lines lie, and the rows they would be by
 * themselves. What they share is stored once, and one row is read without the others.
 *
 *     runs · a time near theirs · texts · of each entry the length of its line and of its record · the records
 */
import type { Single } from '../../core/query/fold.ts';
import { createByteReader, createByteWriter } from './bytes.ts';
import { readSingle, writeSingle } from './record.ts';
import { FIRST_MS, msOf } from './times.ts';

export const PIECE_ENTRIES = 128;

/** Where a line lies, uncompressed, in the segment that begins with entry `segment`. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  /** With its newline. */
  readonly bytes: number;
}

/** Where a run of lines begins: the first line of the piece, and each that begins another segment. */
export interface Run {
  /** Place in the piece. */
  readonly at: number;
  readonly segment: number;
  readonly offset: number;
}

export interface Piece {
  readonly runs: readonly Run[];
  readonly count: number;
  /** Of the line, with its newline. 0: it is not in the log. */
  bytes(at: number): number;
  /** `index`: of that entry. Undefined for a line that is no entry, and for one that is not there. */
  single(at: number, index: number): Single | undefined;
}

export interface PieceWriter {
  readonly count: number;
  /** `run`: the line does not follow the one before. */
  add(bytes: number, single: Single | undefined, run: Omit<Run, 'at'> | undefined): void;
  /** What was added so far, as it is stored. */
  encode(): Uint8Array<ArrayBuffer>;
  /** Begins anew. */
  clear(): void;
}

export function createPieceWriter(): PieceWriter {
  const records = createByteWriter();
  const whole = createByteWriter();
  let runs: Run[] = [];
  let texts = new Map<string, number>();
  let lengths: number[] = [];
  let base: number | undefined;
  let ended: Uint8Array[] = [];

  function numberOf(text: string): number {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, texts.size);
    return texts.size - 1;
  }

  return {
    get count() {
      return lengths.length / 2;
    },
    add(bytes, single, run) {
      if (run !== undefined) runs.push({ segment: run.segment, offset: run.offset, at: lengths.length / 2 });
      const before = records.length;
      if (single !== undefined) {
        if (single.ts !== undefined) base ??= msOf(single.ts);
        writeSingle(records, single, base ?? FIRST_MS, numberOf);
      }
      lengths.push(bytes, records.length - before);
    },
    encode() {
      whole.number(runs.length);
      for (const { at, segment, offset } of runs)
        for (const number of [at, segment, offset]) whole.number(number);
      whole.number((base ?? FIRST_MS) - FIRST_MS);
      whole.number(texts.size);
      for (const text of texts.keys()) whole.text(text);
      whole.number(lengths.length / 2);
      for (const length of lengths) whole.number(length);
      if (records.length > 0) ended.push(records.take());
      for (const part of ended) whole.bytes(part);
      return whole.take();
    },
    clear() {
      runs = [];
      texts = new Map();
      lengths = [];
      base = undefined;
      ended = [];
      records.take();
    },
  };
}

export function decodePiece(stored: Uint8Array): Piece {
  const from = createByteReader(stored);
  const runs: Run[] = [];
  for (let left = from.number(); left > 0; left--)
    runs.push({ at: from.number(), segment: from.number(), offset: from.number() });
  const base = FIRST_MS + from.number();
  const places: number[] = [];
  for (let left = from.number(); left > 0; left--) {
    places.push(from.at);
    from.skipText();
  }
  const texts: string[] = [];
  const textOf = (number: number): string => {
    const known = texts[number];
    if (known !== undefined) return known;
    const text = from.textAt(places[number] ?? stored.length);
    texts[number] = text;
    return text;
  };
  const lengths: number[] = [];
  const starts: number[] = [];
  let start = 0;
  const count = from.number();
  for (let left = count; left > 0; left--) {
    lengths.push(from.number());
    starts.push(start);
    start += from.number();
  }
  starts.push(start);
  const records = from.at;
  return {
    runs,
    count,
    bytes: (at) => lengths[at] ?? 0,
    single(at, index) {
      const [first, end] = [starts[at], starts[at + 1]];
      if (first === undefined || end === undefined || first === end) return undefined;
      from.at = records + first;
      return readSingle(from, index, base, textOf);
    },
  };
}

export function placeIn(piece: Piece, at: number): Place | undefined {
  const run = piece.runs.findLast((each) => each.at <= at);
  const bytes = piece.bytes(at);
  if (run === undefined || bytes === 0) return undefined;
  let { offset } = run;
  for (let i = run.at; i < at; i++) offset += piece.bytes(i);
  return { segment: run.segment, offset, bytes };
}
