/** Parts of what is printed: hanging text and tables. */
import type { Output } from '../../output/stream.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { wrap } from '../../output/width.ts';

export type Out = Pick<Output, 'style' | 'width'>;

/** `2026-11-20 10:15` */
export const moment = (ts: string): string => `${ts.slice(0, 10)} ${ts.slice(11, 16)}`;

/** `text` behind `label`, further lines under it. */
export function hanging(
  label: string,
  text: string,
  width: number | undefined,
  paint = (t: string): string => t,
): string[] {
  const room = width === undefined ? undefined : Math.max(20, width - label.length);
  return wrap(text, room).map((line, i) => (i === 0 ? paint(label) : ' '.repeat(label.length)) + line);
}

export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { style, width }: Out,
): string[] {
  const layout = layOut(columns, rows, width);
  return [layout.header(style.dim), ...rows.map((row) => layout.row(row))];
}
