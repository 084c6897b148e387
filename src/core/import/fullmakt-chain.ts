/**
 * The chain of a fullmakt file: `prevHash` is the `chainHash` of the row before, and `chainHash` is a hash over the row's
 * content and that. How the two are put together differs between versions, so the ways that are known are all tried. A
 * chain that holds says that the rows agree with one another; who wrote the file could have written all of it.
 */
import { canonicalize } from '../canonical.ts';
import { sha256Hex } from '../hash.ts';
import type { JsonObject } from '../json.ts';
import { textAt } from '../query/fields.ts';
import type { ChainVerdict } from './decoder.ts';

interface Hashed {
  /** Without `chainHash`. */
  readonly linked: JsonObject;
  /** Without `prevHash` too. */
  readonly content: JsonObject;
  readonly prev: string;
}

/** What is hashed, by the name that a verdict gives it. */
const FORMULAS: readonly (readonly [name: string, text: (row: Hashed) => string])[] = [
  ['SHA-256 of the RFC 8785 text with prevHash', ({ linked }) => canonicalize(linked)],
  ['SHA-256 of prevHash, then the RFC 8785 text', ({ content, prev }) => prev + canonicalize(content)],
  ['SHA-256 of the RFC 8785 text, then prevHash', ({ content, prev }) => canonicalize(content) + prev],
  ['SHA-256 of the JSON as written with prevHash', ({ linked }) => JSON.stringify(linked)],
  ['SHA-256 of prevHash, then the JSON as written', ({ content, prev }) => prev + JSON.stringify(content)],
  ['SHA-256 of the JSON as written, then prevHash', ({ content, prev }) => JSON.stringify(content) + prev],
];

/** A first row names none before it. */
const GENESIS = /^(0{64})?$/;
const NAMED = 20;

interface Lines {
  readonly some: number[];
  count: number;
}

export interface ChainReader {
  see(line: number, row: JsonObject): void;
  verdict(): ChainVerdict;
}

export function createChainReader(): ChainReader {
  /** Rows whose hash is another one, by formula. */
  const wrong = FORMULAS.map((): Lines => ({ some: [], count: 0 }));
  /** Rows that do not name the one before. */
  const unlinked: Lines = { some: [], count: 0 };
  let rows = 0;
  let last: string | undefined;
  let fromStart = true;

  return {
    see(line, row) {
      const { chainHash: _own, ...linked } = row;
      const { prevHash: _prev, ...content } = linked;
      const hash = textAt(row, 'chainHash')?.toLowerCase();
      const prev = textAt(row, 'prevHash') ?? '';
      if (rows++ === 0) fromStart = GENESIS.test(prev);
      else if (last === undefined || prev.toLowerCase() !== last) note(unlinked, line);
      FORMULAS.forEach(([, text], i) => {
        const lines = wrong[i];
        if (lines !== undefined && (hash === undefined || hashed(text, { linked, content, prev }) !== hash))
          note(lines, line);
      });
      last = hash;
    },
    verdict() {
      const best = wrong.reduce(
        (least, lines, i) => (lines.count < (wrong[least]?.count ?? 0) ? i : least),
        0,
      );
      const lines = wrong[best] ?? { some: [], count: rows };
      const formula = lines.count < rows ? FORMULAS[best]?.[0] : undefined;
      return verdictOf({ rows, formula, lines, unlinked, fromStart });
    },
  };
}

function verdictOf(found: {
  readonly rows: number;
  readonly formula: string | undefined;
  readonly lines: Lines;
  readonly unlinked: Lines;
  readonly fromStart: boolean;
}): ChainVerdict {
  const { rows, formula, lines, unlinked, fromStart } = found;
  const told = { rows, ...(formula === undefined ? {} : { formula }) };
  const none = { ...told, broken: [], broken_count: 0 };
  if (rows === 0) return { ...none, status: 'unverified', note: 'no rows' };
  if (formula === undefined)
    return {
      ...none,
      status: 'unverified',
      note: 'unverified by their old chain: no known way to hash a row gives its chainHash',
    };
  // A row can be wrong in both ways, and counts once as long as all of them are known.
  const all = new Set([...lines.some, ...unlinked.some]);
  const listed = lines.count === lines.some.length && unlinked.count === unlinked.some.length;
  const broken = [...all].sort((a, b) => a - b).slice(0, NAMED);
  const count = listed ? all.size : Math.max(lines.count, unlinked.count, all.size);
  if (count > 0)
    return {
      ...told,
      status: 'broken',
      broken,
      broken_count: count,
      note: 'unverified by their old chain: it does not hold',
    };
  if (!fromStart)
    return {
      ...none,
      status: 'unverified',
      note: 'its rows agree with one another; what came before the first of them is not in the file',
    };
  return {
    ...none,
    status: 'intact',
    note: 'its rows agree with one another; whoever wrote the file could have made all of them',
  };
}

function hashed(text: (row: Hashed) => string, row: Hashed): string | undefined {
  try {
    return sha256Hex(text(row));
  } catch {
    // A value without a canonical form: this is not how its hash was made.
    return undefined;
  }
}

function note(lines: Lines, line: number): void {
  lines.count++;
  if (lines.some.length < NAMED) lines.some.push(line);
}
