/** Rows of CSV (RFC 4180), with the guard that our exports put before cells which a spreadsheet would obey. */
import type { JsonObject } from '../json.ts';
import { unguardFormula } from '../view/formula.ts';

/** undefined when quotes stand where they may not, or one is not closed. */
export function csvCells(text: string): readonly string[] | undefined {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    if (text.charAt(at) === '"') {
      const [value, end] = quotedCell(text, at);
      if (end === undefined) return undefined;
      cells.push(value);
      at = end;
    } else {
      const comma = text.indexOf(',', at);
      const end = comma === -1 ? text.length : comma;
      const value = text.slice(at, end);
      if (value.includes('"')) return undefined;
      cells.push(value);
      at = end;
    }
    if (at >= text.length) return cells;
    if (text.charAt(at) !== ',') return undefined;
    at++;
  }
}

function quotedCell(text: string, from: number): readonly [value: string, end: number | undefined] {
  let value = '';
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return ['', undefined];
    value += text.slice(at, quote);
    if (text.charAt(quote + 1) !== '"') return [value, quote + 1];
    value += '"';
    at = quote + 2;
  }
}

/** The cells under their names; empty ones are absent. */
export function csvRow(header: readonly string[], cells: readonly string[]): JsonObject {
  const members = header.map((name, i) => [name, unguardFormula(cells[i] ?? '')] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== ''));
}
