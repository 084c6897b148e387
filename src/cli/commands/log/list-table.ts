/** The table of `tally log list`: any number of rows, laid out by the first of them. */
import { factsOf } from '../../../core/query/call.ts';
import type { Hit } from '../../../core/query/scan.ts';
import type { Context } from '../../context.ts';
import { longTable } from '../../output/long-table.ts';
import { NARROW, narrowRow } from '../../output/narrow.ts';
import { rowCells, rowColumns } from '../../output/rows.ts';
import { type Zone, zoneName } from '../../output/time.ts';

export interface TableOptions {
  readonly raw: boolean;
  readonly zone: Zone;
  readonly nowMs: number;
}

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
  const table = longTable(stdout, columns);

  for await (const hit of hits) {
    if (stdout.gone.aborted) return rows;
    rows++;
    const facts = factsOf(hit.call);
    if (narrow) {
      for (const line of narrowRow(facts, { ...options, style }, width)) await stdout.line(line);
      continue;
    }
    await table.row(rowCells(facts, { ...options, style }));
  }
  await table.end();
  return rows;
}
