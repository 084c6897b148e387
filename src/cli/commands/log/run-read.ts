/** Reads one run out of a log. */

import { LIMITS } from '../../../core/limits.ts';
import { textAt } from '../../../core/query/fields.ts';
import type { Row } from '../../../core/query/row.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { readRows, type Unfit } from '../../asking.ts';
import { entriesAt, oneRow, runTookMs } from '../../lookup.ts';
import type { RunHead } from './run-text.ts';
import { type Step, stepOf } from './run-tree.ts';

const RUN_TYPES = ['run.start', 'run.end'];
/** More than there are. */
const LEVELS = 10;

/** undefined when nothing in the log names this run. */
export async function readHead(opened: OpenedQuery, run: string): Promise<RunHead | undefined> {
  const { query } = opened;
  const { totals, from, to } = await query.summary({ run }, [], 0);
  if (totals.total === 0) return undefined;
  const startRow = await oneRow(opened, { run, types: ['run.start'] }, { order: 'oldest' });
  const endRow = await oneRow(opened, { run, types: ['run.end'] });
  const whose = startRow ?? (await oneRow(opened, { run }, { order: 'oldest' }));
  const [start] = startRow === undefined ? [] : await entriesAt(opened, [startRow.index]);
  // Who starts a run says whose it is; its steps say what was checked of that.
  const steps = await query.summary({ run, notTypes: [...RUN_TYPES, 'log.read'] }, ['identity'], LEVELS);
  const levels = steps.by.identity?.values.map(({ value }) => value) ?? [];
  return {
    run,
    agent: whose?.agent,
    identity: levels[0] ?? whose?.identity,
    identities: levels,
    user: whose?.user,
    purpose: textAt(start?.entry, 'reason'),
    command: textAt(start?.entry, 'metadata', 'command'),
    start: startRow === undefined ? undefined : { index: startRow.index, ts: startRow.ts },
    end: endRow === undefined ? undefined : { index: endRow.index, ts: endRow.ts, status: endRow.status },
    took_ms: runTookMs(startRow?.ts ?? from, endRow),
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
  /** Runs that were started in this one, among `steps` by their starts. */
  readonly runs: ReadonlyMap<number, string>;
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
  const runs = new Map<number, string>();
  for (const { step, run: child } of await readChildRuns(opened, run)) {
    const { index } = step;
    if ((after !== undefined && index <= after) || (more && index > (steps.at(-1)?.index ?? 0))) continue;
    runs.set(index, child);
    steps.push(step);
  }
  steps.sort((a, b) => a.index - b.index);
  return { steps, more, unfit: asking.unfit(), elsewhere, start, runs };
}

/** Runs whose start says that this one is above them, each as one step: it ends as the run does. */
async function readChildRuns(
  opened: OpenedQuery,
  run: string,
): Promise<readonly { readonly step: Step; readonly run: string }[]> {
  const found: { step: Step; run: string }[] = [];
  const starts = opened.query.rows(
    { types: ['run.start'], text: run },
    { order: 'oldest', limit: LIMITS.timelineSteps },
  );
  for await (const asked of readRows(opened, starts).rows()) {
    const child = asked.row.run;
    if (child === undefined || child === run) continue;
    if (textAt(asked.call.first, 'metadata', 'under') !== run) continue;
    const step = stepOf(asked);
    const end = await oneRow(opened, { run: child, types: ['run.end'] });
    const command = textAt(asked.call.first, 'metadata', 'command');
    const facts = { ...step.facts, subject: command === undefined ? child : `${child} ${command}` };
    const endMs = Date.parse(end?.ts ?? '');
    found.push({
      run: child,
      step:
        end === undefined
          ? { ...step, facts, endMs: undefined }
          : {
              ...step,
              facts: { ...facts, status: end.status, durationMs: end.durationMs },
              end: end.index,
              endMs: Number.isNaN(endMs) ? undefined : endMs,
            },
    });
  }
  return found;
}
