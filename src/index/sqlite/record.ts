/**
 * What the index keeps of each entry: where its line lies, and the row it would be by itself. 128 entries are
 * one compressed piece: what they share is stored once, and one row costs the reading of one piece.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LIMITS } from '../../core/limits.ts';
import type { Single } from '../../core/query/fold.ts';

export const PIECE_ENTRIES = 128;

/** Where a line lies, uncompressed, in the segment that begins with entry `segment`. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  /** With its newline. */
  readonly bytes: number;
}

// biome-ignore format: a list
const FIELDS = [
  'id', 'ts', 'type', 'phase', 'tenant', 'surface', 'assurance', 'agent', 'identity', 'token', 'user', 'onBehalfOf', 'run',
  'step', 'session', 'project', 'environment', 'method', 'host', 'action', 'tool', 'credentials', 'decision', 'reasonCode',
  'layer', 'enforced', 'status', 'statusCode', 'durationMs', 'redacted',
] as const satisfies readonly Exclude<keyof Single, 'index' | 'end' | 'parent'>[];
type Missing = Exclude<keyof Single, (typeof FIELDS)[number] | 'index' | 'end' | 'parent'>;
/** A field that is added to rows and forgotten here does not compile. */
const COMPLETE: [Missing] extends [never] ? true : false = true;
const NUMBERS: ReadonlySet<string> = new Set(['statusCode', 'durationMs']);

/** One line of JSON. `null`: a line that is no entry. */
export function encodeRecord(bytes: number, single: Single | undefined): string {
  if (single === undefined || !COMPLETE) return JSON.stringify([bytes]);
  const values: unknown[] = [bytes, single.parent];
  for (const name of FIELDS) {
    const value = single[name];
    // JSON has no -0 from us, and no number beyond the largest, though it can be read from a line.
    values.push(
      typeof value === 'number' && !isPlain(value) ? `${Object.is(value, -0) ? '-0' : value}` : value,
    );
  }
  return JSON.stringify(values);
}

function isPlain(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

function decodeSingle(text: string, index: number): Single | undefined {
  const [, parent, ...values] = JSON.parse(text) as unknown[];
  if (values.length === 0) return undefined;
  const single: Record<string, unknown> = {};
  FIELDS.forEach((name, i) => {
    const value = values[i] ?? undefined;
    single[name] = typeof value === 'string' && NUMBERS.has(name) ? Number(value) : value;
  });
  single.index = index;
  if (typeof parent === 'string') single.parent = parent;
  return single as unknown as Single;
}

/** Where a run of lines begins: the first line of the piece, and each that begins another segment. */
export interface Run {
  /** Place in the piece. */
  readonly at: number;
  readonly segment: number;
  readonly offset: number;
}

/** What is collected until a piece is full. */
export interface Records {
  readonly runs: readonly Run[];
  readonly records: readonly string[];
}

export interface Piece {
  readonly runs: readonly Run[];
  readonly count: number;
  /** Texts are made of those that are asked for alone. */
  record(at: number): string | undefined;
}

/** Fast rather than small: the gain beyond is a few bytes an entry. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 } };
const MOST_BYTES = PIECE_ENTRIES * LIMITS.entryBytes * 8;
const NEWLINE = 0x0a;

export function encodePiece({ runs, records }: Records): Uint8Array {
  const head = JSON.stringify(runs.map((run) => [run.at, run.segment, run.offset]));
  return zstdCompressSync(`${head}\n${records.join('\n')}\n`, ZSTD);
}

export function decodePiece(stored: Uint8Array): Piece {
  const bytes = zstdDecompressSync(stored, { maxOutputLength: MOST_BYTES });
  const ends: number[] = [];
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, end + 1)) ends.push(end);
  const text = (line: number): string =>
    bytes.toString('utf8', line === 0 ? 0 : (ends[line - 1] ?? 0) + 1, ends[line]);
  const runs = JSON.parse(text(0)) as [number, number, number][];
  return {
    runs: runs.map(([at, segment, offset]) => ({ at, segment, offset })),
    count: ends.length - 1,
    record: (at) => (at >= 0 && at < ends.length - 1 ? text(at + 1) : undefined),
  };
}

export function pieceOf({ runs, records }: Records): Piece {
  return { runs, count: records.length, record: (at) => records[at] };
}

/** `base`: index of the piece's first entry. */
export function singleIn(piece: Piece, base: number, index: number): Single | undefined {
  const text = piece.record(index - base);
  return text === undefined ? undefined : decodeSingle(text, index);
}

export function placeIn(piece: Piece, at: number): Place | undefined {
  const text = piece.record(at);
  const run = piece.runs.findLast((each) => each.at <= at);
  if (text === undefined || run === undefined) return undefined;
  let { offset } = run;
  for (let i = run.at; i < at; i++) offset += bytesOf(piece.record(i) ?? '');
  const bytes = bytesOf(text);
  return bytes === 0 ? undefined : { segment: run.segment, offset, bytes };
}

/** The first number of a record, without reading the rest. */
function bytesOf(record: string): number {
  return Number.parseInt(record.slice(1), 10);
}
