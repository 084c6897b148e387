/** Reads one run out of a log. */
import { textAt } from '../../../core/query/fields.ts';
import type { Row } from '../../../core/query/row.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { readRows, type Unfit } from '../../asking.ts';
import { entriesAt, oneRow } from '../../lookup.ts';
import type { RunHead } from './run-text.ts';
import { type Step, stepOf } from './run-tree.ts';

const RUN_TYPES = ['run.start', 'run.end'];

/** undefined when nothing in the log names this run. */
export async function readHead(opened: OpenedQuery, run: string): Promise<RunHead | undefined> {
  const { query } = opened;
  const { totals, from, to } = await query.summary({ run }, [], 0);
  if (totals.total === 0) return undefined;
  const startRow = await oneRow(opened, { run, types: ['run.start'] }, { order: 'oldest' });
  const endRow = await oneRow(opened, { run, types: ['run.end'] });
  const whose = startRow ?? (await oneRow(opened, { run }, { order: 'oldest' }));
  const [start] = startRow === undefined ? [] : await entriesAt(opened, [startRow.index]);
  return {
    run,
    agent: whose?.agent,
    identity: whose?.identity,
    user: whose?.user,
    purpose: textAt(start?.entry, 'reason'),
    command: textAt(start?.entry, 'metadata', 'command'),
    start: startRow === undefined ? undefined : { index: startRow.index, ts: startRow.ts },
    end: endRow === undefined ? undefined : { index: endRow.index, ts: endRow.ts, status: endRow.status },
    totals,
    from,
    to,
  };
}

export interface Steps {
  readonly steps: readonly Step[];
  /** Of the run, its start and its end apart. */
  readonly more: boolean;
  readonly unfit: { readonly count: number; readonly some: readonly Unfit[] };
  /** Ids that steps name as their parents, that are in the log and not among the steps. */
  readonly elsewhere: ReadonlySet<string>;
  /** Ids of the run's own start. */
  readonly start: ReadonlySet<string>;
}

/** The oldest steps behind `after`, at most `limit`. */
export async function readSteps(
  opened: OpenedQuery,
  run: string,
  { limit, after }: { readonly limit: number; readonly after: number | undefined },
): Promise<Steps> {
  const { query } = opened;
  const start = new Set<string>();
  let taken = 0;
  let more = false;
  async function* wanted(): AsyncGenerator<Row> {
    const options = { order: 'oldest', ...(after === undefined ? {} : { after }) } as const;
    for await (const row of query.rows({ run }, options)) {
      if (RUN_TYPES.includes(row.type)) {
        if (row.id !== undefined) start.add(row.id);
        continue;
      }
      more = taken === limit;
      if (more) return;
      taken++;
      yield row;
    }
  }
  const asking = readRows(opened, wanted());
  const steps: Step[] = [];
  for await (const asked of asking.rows()) steps.push(stepOf(asked));
  const ids = new Set(steps.flatMap(({ id, endId }) => [id, endId]));
  const elsewhere = new Set<string>();
  for (const { parent } of steps)
    if (parent !== undefined && !ids.has(parent) && !elsewhere.has(parent))
      if ((await query.indexOf(parent)) !== undefined) elsewhere.add(parent);
  return { steps, more, unfit: asking.unfit(), elsewhere, start };
}
