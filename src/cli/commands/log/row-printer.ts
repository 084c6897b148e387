/** A table that never ends: its widths are chosen once, from the first rows and from what is usual. */
import type { Facts } from '../../../core/query/call.ts';
import type { Context } from '../../context.ts';
import { NARROW, narrowRow } from '../../output/narrow.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { type Cell, type Layout, layOut } from '../../output/table.ts';
import { type Zone, zoneName } from '../../output/time.ts';

export interface Row {
  readonly facts: Facts;
  /** The stored bytes, without the newline. */
  readonly line: Buffer;
}

export interface RowPrinter {
  /** The entries to begin with; prints the heading too. */
  begin(rows: readonly Row[]): Promise<void>;
  row(row: Row): Promise<void>;
}

/** What usually comes: index, time, agent, phase, what, decision, status, duration. */
const USUAL: readonly Cell[] = [
  '000000',
  '00:00:00.000',
  'a-usual-agent',
  'post',
  `${'a'.repeat(200)}`,
  'stop domain_not_in_allowlist',
  'blocked',
  '1000 ms',
].map((text) => ({ text }));
/** Without an edge to fill, a long template would only push the later columns away. */
const USUAL_ON_PIPE: readonly Cell[] = USUAL.map((cell, i) => (i === 4 ? { text: 'a'.repeat(48) } : cell));

export function createRowPrinter(context: Context, zone: Zone): RowPrinter {
  const { stdout } = context;
  const { style } = stdout;
  const columns = rowColumns(true).map((column) =>
    column.header === 'TIME' ? { ...column, header: `TIME (${zoneName(context.now(), zone)})` } : column,
  );
  let width: number | undefined;
  let layout: Layout | undefined;

  const cells = ({ facts }: Row): readonly Cell[] =>
    rowCells(facts, { style, zone, nowMs: context.now(), raw: true });

  /** Chosen anew when the window changed. */
  function current(rows: readonly (readonly Cell[])[] = []): Layout {
    if (layout !== undefined && width === stdout.width) return layout;
    width = stdout.width;
    layout = layOut(columns, [width === undefined ? USUAL_ON_PIPE : USUAL, ...rows], width);
    return layout;
  }

  async function print(row: Row): Promise<void> {
    const { width: room } = stdout;
    if (room === undefined || room >= NARROW) return stdout.line(current().row(cells(row)));
    const options = { style, zone, nowMs: context.now(), raw: true };
    for (const line of narrowRow(row.facts, options, room)) await stdout.line(line);
  }

  return {
    async begin(rows) {
      if (stdout.width === undefined || stdout.width >= NARROW)
        await stdout.line(current(rows.map(cells)).header(style.dim));
      for (const row of rows) await print(row);
    },
    row: print,
  };
}
