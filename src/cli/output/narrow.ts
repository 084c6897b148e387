/** Rows for terminals too narrow for a table: two or three lines each, nothing left out but what has to be cut. */
import type { Facts } from '../../core/query/call.ts';
import { type RowOptions, rowCells, rowColumns } from './rows.ts';
import { plainText } from './style.ts';
import type { Cell } from './table.ts';
import { fit, textWidth } from './width.ts';

/** Below this a table of one line a row cuts away what people look for. */
export const NARROW = 64;

const INDENT = '   ';

/** `width` columns at most, a line each. */
export function narrowRow(facts: Facts, options: RowOptions, width: number): readonly string[] {
  const names = rowColumns(options.raw).map(({ header }) => header);
  const cells = rowCells(facts, options);
  const cell = (header: string): Cell => cells[names.indexOf(header)] ?? { text: '' };
  const place = cell('#');
  const time = { ...cell('TIME'), text: cell('TIME').text.replace(/\.\d{3}$/, '') };
  const status = { ...cell('STATUS') };
  const room = width - textWidth(place.text) - textWidth(time.text) - textWidth(status.text) - 6;
  const who = { ...cell('WHO'), text: fit(cell('WHO').text, Math.max(1, room), 'middle') };
  const left = [place, time, who].filter(({ text }) => text !== '');
  const used = left.reduce((sum, { text }) => sum + textWidth(text) + 2, 0);
  const gap = ' '.repeat(Math.max(0, width - used - textWidth(status.text)));
  const head = `${left.map(painted).join('  ')}  ${gap}${painted(status)}`.trimEnd();
  const inner = width - INDENT.length;
  const what = fit(cell('WHAT').text, inner, 'middle');
  const decision = cell('DECISION');
  // An allowed call says so by its status; every other decision is why somebody looks.
  const why =
    decision.text === '' || decision.text === 'allow'
      ? []
      : [`${INDENT}${painted({ ...decision, text: fit(decision.text, inner) })}`];
  return [head, `${INDENT}${what}`.trimEnd(), ...why];
}

function painted({ text, paint = plainText }: Cell): string {
  return paint(text);
}
