/** What is known of single entries: their rows, places, ends, ids. Shared by those who write the index and who read it. */
import type { DatabaseSync } from 'node:sqlite';
import { aloneOf, joinRows, type Single } from '../../core/query/fold.ts';
import type { Row } from '../../core/query/row.ts';
import { openBlob } from './database.ts';
import { idKey } from './ids.ts';
import { decodePiece, PIECE_ENTRIES, type Piece, type Place, placeIn } from './piece.ts';

/** Pieces that stay decoded: rows that are asked for one after the other lie side by side. */
const KEPT = 64;

export interface Lookup {
  piece(no: number): Piece | undefined;
  single(index: number): Single | undefined;
  place(index: number): Place | undefined;
  endOf(first: number): number | undefined;
  /** The first entry that says that id. */
  byId(id: string): Single | undefined;
  children(id: string): readonly number[];
  /** The row that begins with the entry at `index`. */
  rowAt(index: number): Row | undefined;
}

/** `unwritten`: pieces of a batch, which count before those in the file. */
export function createLookup(
  database: DatabaseSync,
  seed: number,
  unwritten: (no: number) => Piece | undefined = () => undefined,
): Lookup {
  const pieces = new Map<number, Piece>();
  const pieceRow = database.prepare('SELECT data FROM piece WHERE no = ?');
  const endRow = database.prepare('SELECT last FROM ends WHERE first = ?');
  const idRow = database.prepare('SELECT entry FROM ids WHERE key = ? ORDER BY entry LIMIT 1');
  const idRows = database.prepare('SELECT entry FROM ids WHERE key = ? ORDER BY entry');
  const parentRows = database.prepare('SELECT entry FROM parents WHERE key = ? ORDER BY entry');

  function piece(no: number): Piece | undefined {
    const known = unwritten(no) ?? pieces.get(no);
    if (known !== undefined) return known;
    const data = openBlob(pieceRow.get(no)?.data);
    if (data === undefined) return undefined;
    const read = decodePiece(data);
    if (pieces.size >= KEPT) for (const [oldest] of pieces) if (pieces.delete(oldest)) break;
    pieces.set(no, read);
    return read;
  }

  function single(index: number): Single | undefined {
    const no = Math.floor(index / PIECE_ENTRIES);
    return piece(no)?.single(index - no * PIECE_ENTRIES, index);
  }

  function endOf(first: number): number | undefined {
    const last = endRow.get(first)?.last;
    return typeof last === 'number' ? last : undefined;
  }

  return {
    piece,
    single,
    place(index) {
      const no = Math.floor(index / PIECE_ENTRIES);
      const held = piece(no);
      return held === undefined ? undefined : placeIn(held, index - no * PIECE_ENTRIES);
    },
    endOf,
    byId(id) {
      const key = idKey(id, seed);
      const candidate = idRow.get(key)?.entry;
      if (candidate === undefined) return undefined;
      const likely = single(Number(candidate));
      if (likely?.id === id) return likely;
      for (const { entry } of idRows.all(key)) {
        const found = single(Number(entry));
        if (found?.id === id) return found;
      }
      return undefined;
    },
    children: (id) =>
      parentRows
        .all(idKey(id, seed))
        .map(({ entry }) => Number(entry))
        .filter((entry) => single(entry)?.parent === id),
    rowAt(index) {
      const found = single(index);
      if (found === undefined) return undefined;
      const end = endOf(index);
      const last = end === undefined ? undefined : single(end);
      return last === undefined ? aloneOf(found) : joinRows(aloneOf(found), aloneOf(last));
    },
  };
}
