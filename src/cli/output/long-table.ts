/** A table of any number of rows, laid out by the first of them: later ones are cut to their widths, and need no memory. */
import type { Context } from '../context.ts';
import { type Cell, type Column, layOut } from './table.ts';

/** Rows that decide the widths. */
const SAMPLE = 200;

export interface LongTable {
  /** Shown at once when the widths are known. */
  row(cells: readonly Cell[]): Promise<void>;
  /** Shows the rows that wait still. A table without rows has no header. */
  end(): Promise<void>;
}

export function longTable(stdout: Context['stdout'], columns: readonly Column[]): LongTable {
  let sample: (readonly Cell[])[] | undefined = [];
  let layout = layOut(columns, [], stdout.width);

  async function begin(): Promise<void> {
    const rows = sample ?? [];
    sample = undefined;
    if (rows.length === 0) return;
    layout = layOut(columns, rows, stdout.width);
    await stdout.line(layout.header(stdout.style.dim));
    for (const row of rows) await stdout.line(layout.row(row));
  }

  return {
    async row(cells) {
      if (sample === undefined) return stdout.line(layout.row(cells));
      sample.push(cells);
      if (sample.length === SAMPLE) await begin();
    },
    end: begin,
  };
}
