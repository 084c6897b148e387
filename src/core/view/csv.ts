/**
 * RFC 4180, safe to open in a spreadsheet: a cell that a program would take for a formula begins with an apostrophe.
 * Lines end with CRLF, the first one names the columns, the text is UTF-8 without a mark of order.
 */
import type { Json, JsonObject } from '../json.ts';
import { guardFormula } from './formula.ts';

const QUOTED = /[",\r\n]/;
const LINE_END = '\r\n';

function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`;
}

function cell(value: Json | undefined): string {
  const text = cellText(value);
  const guarded = guardFormula(text);
  return QUOTED.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

/** What is absent or null is an empty cell; lists and objects are JSON in one cell. With its CRLF. */
export function csvLine(cells: readonly (Json | undefined)[]): string {
  return cells.map(cell).join(',') + LINE_END;
}

/** The members of `record` that are columns, in the order of the columns. */
export function csvRecord(columns: readonly string[], record: JsonObject): string {
  return csvLine(columns.map((column) => (Object.hasOwn(record, column) ? record[column] : undefined)));
}
