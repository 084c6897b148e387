/** What a batch does to the sets of rows, gathered in memory, and then written one set after the other. */
import type { DatabaseSync } from 'node:sqlite';
import { KINDS } from '../../core/query/kind.ts';
import { kindOf, type Row } from '../../core/query/row.ts';
import { openBlob, sealBlob } from './database.ts';
import { COUNTED, eachKey, KEY_COUNT, keyNumber, storable } from './keys.ts';
import { BLOCK_ROWS, changePlaces } from './positions.ts';
import { decodeTally, encodeTally, TALLY_COUNTS } from './tally.ts';

interface Change {
  /** Ascending. */
  readonly added: number[];
  removed?: number[];
  /** By how much the counts change: one for each kind, and `redacted`. */
  readonly counts: number[] | undefined;
}

type BlockChanges = readonly Map<string, Change>[];

export interface Changes {
  /** Rows come in ascending order of their index. `before`: as the index has it already. */
  row(row: Row, before: Row | undefined): void;
  words(index: number, added: Iterable<string>, removed?: Iterable<string>): void;
  /** Sets that change or are made. */
  readonly size: number;
  /** Within a transaction. In blocks from `fresh` on there is nothing yet. */
  write(database: DatabaseSync, fresh: number): void;
}

export function createChanges(): Changes {
  const blocks = new Map<number, BlockChanges>();
  let size = 0;

  function blockOf(index: number): BlockChanges {
    const no = Math.floor(index / BLOCK_ROWS);
    const known = blocks.get(no);
    if (known !== undefined) return known;
    const made = Array.from({ length: KEY_COUNT }, () => new Map<string, Change>());
    blocks.set(no, made);
    return made;
  }

  function changeOf(block: BlockChanges, key: number, value: string): Change {
    const values = block[key];
    let change = values?.get(value);
    if (change === undefined) {
      change = { added: [], counts: COUNTED.has(key) ? new Array<number>(TALLY_COUNTS).fill(0) : undefined };
      values?.set(value, change);
      size++;
    }
    return change;
  }

  return {
    get size() {
      return size;
    },
    row(row, before) {
      const block = blockOf(row.index);
      const at = row.index % BLOCK_ROWS;
      if (before === undefined) {
        eachKey(row, (key, value) => {
          const change = changeOf(block, key, value);
          change.added.push(at);
          count(change.counts, row, 1);
        });
        return;
      }
      const had = new Set<string>();
      eachKey(before, (key, value) => had.add(`${key} ${value}`));
      eachKey(row, (key, value) => {
        const kept = had.delete(`${key} ${value}`);
        const change = changeOf(block, key, value);
        if (kept) count(change.counts, before, -1);
        else change.added.push(at);
        count(change.counts, row, 1);
      });
      eachKey(before, (key, value) => {
        if (!had.has(`${key} ${value}`)) return;
        const change = changeOf(block, key, value);
        change.removed = [...(change.removed ?? []), at];
        count(change.counts, before, -1);
      });
    },
    words(index, added, removed = []) {
      const block = blockOf(index);
      const at = index % BLOCK_ROWS;
      for (const word of added) {
        const change = changeOf(block, keyNumber.word, word);
        // A word of both its entries.
        if (change.added.at(-1) !== at) change.added.push(at);
      }
      for (const word of removed) {
        const change = changeOf(block, keyNumber.word, word);
        change.removed = [...(change.removed ?? []), at];
      }
    },
    write(database, fresh) {
      const insert = database.prepare('INSERT INTO post VALUES (?, ?, ?, ?, ?)');
      const replace = database.prepare('INSERT OR REPLACE INTO post VALUES (?, ?, ?, ?, ?)');
      const remove = database.prepare('DELETE FROM post WHERE block = ? AND dim = ? AND value = ?');
      const select = database.prepare(
        'SELECT tally, data FROM post WHERE block = ? AND dim = ? AND value = ?',
      );
      for (const [no, block] of [...blocks].sort(([a], [b]) => a - b)) {
        for (const [key, values] of block.entries()) {
          const isWord = key === keyNumber.word;
          for (const value of [...values.keys()].sort()) {
            const change = values.get(value);
            if (change === undefined) continue;
            const stored = isWord ? storable(value) : value;
            const held = no >= fresh ? undefined : select.get(no, key, stored);
            const data = changePlaces(openBlob(held?.data), change.added, change.removed ?? []);
            if (data === undefined) {
              if (held !== undefined) remove.run(no, key, stored);
              continue;
            }
            const tally =
              change.counts === undefined
                ? null
                : encodeTally(decodeTally(openBlob(held?.tally)), change.counts, data);
            (held === undefined ? insert : replace).run(no, key, stored, tally, sealBlob(data));
          }
        }
      }
    },
  };
}

function count(counts: number[] | undefined, row: Row, by: number): void {
  if (counts === undefined) return;
  const kind = KINDS.indexOf(kindOf(row));
  counts[kind] = (counts[kind] ?? 0) + by;
  if (row.redacted) counts[KINDS.length] = (counts[KINDS.length] ?? 0) + by;
}
