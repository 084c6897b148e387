/** The table of `tally log list`: any number of rows, laid out by the first of them. */
import { factsOf } from '../../../core/query/call.ts';
import type { Hit } from '../../../core/query/scan.ts';
import type { Context } from '../../context.ts';
import { NARROW, narrowRow } from '../../output/narrow.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { layOut } from '../../output/table.ts';
import { type Zone, zoneName } from '../../output/time.ts';

export interface TableOptions {
  readonly raw: boolean;
  readonly zone: Zone;
  readonly nowMs: number;
}

/** Rows that decide the widths of the table; later ones are cut to them, so any number of rows needs no memory. */
const SAMPLE = 200;

/** Gives how many rows there were. */
export async function printTable(
  { stdout }: Context,
  hits: AsyncIterable<Hit>,
  options: TableOptions,
): Promise<number> {
  const { style, width } = stdout;
  const narrow = width !== undefined && width < NARROW;
  const columns = rowColumns(options.raw).map((column) =>
    column.header === 'TIME'
      ? { ...column, header: `TIME (${zoneName(options.nowMs, options.zone)})` }
      : column,
  );
  let rows = 0;
  let sample: (readonly ReturnType<typeof rowCells>[number][])[] | undefined = [];
  let layout = layOut(columns, [], width);

  async function begin(first: NonNullable<typeof sample>): Promise<void> {
    if (first.length === 0) return;
    layout = layOut(columns, first, width);
    await stdout.line(layout.header(style.dim));
    for (const row of first) await stdout.line(layout.row(row));
  }

  for await (const hit of hits) {
    if (stdout.gone.aborted) return rows;
    rows++;
    const facts = factsOf(hit.call);
    if (narrow) {
      for (const line of narrowRow(facts, { ...options, style }, width)) await stdout.line(line);
      continue;
    }
    const row = rowCells(facts, { ...options, style });
    if (sample === undefined) await stdout.line(layout.row(row));
    else {
      sample.push(row);
      if (sample.length < SAMPLE) continue;
      await begin(sample);
      sample = undefined;
    }
  }
  await begin(sample ?? []);
  return rows;
}
