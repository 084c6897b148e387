/** Gathers everything that one principal did, from the index and from the entries it points to. */
import { textAt } from '../../../core/query/fields.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import type { Counted, Dimension, Summary } from '../../../core/query/port.ts';
import type { Row } from '../../../core/query/row.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { type ApprovalChain, approvalChain, isAnswer } from '../../approvals.ts';
import { type AskedRow, readRows, type Unfit } from '../../asking.ts';
import { entriesAt, oneRow } from '../../lookup.ts';

export interface Principal {
  readonly kind: 'agent' | 'user';
  readonly name: string;
}

export interface SeenValue extends Counted {
  readonly first_seen: string | undefined;
  readonly last_seen: string | undefined;
}

export interface SeenRun extends SeenValue {
  /** How it ended; undefined when there is no run.end. */
  readonly ended: string | undefined;
}

export interface AskedApproval {
  readonly row: AskedRow;
  readonly chain: ApprovalChain | undefined;
  /** Who answered last, and when. */
  readonly answer: { readonly by: string | undefined; readonly ts: string | undefined } | undefined;
}

/** `total` of all, and the newest of them. */
export interface Newest<T> {
  readonly total: number;
  readonly some: readonly T[];
}

export interface History {
  readonly principal: Principal;
  readonly summary: Summary;
  readonly firstSeen: string | undefined;
  readonly lastSeen: string | undefined;
  /** By dimension, most first. */
  readonly seen: ReadonlyMap<Dimension, { readonly distinct: number; readonly values: readonly SeenValue[] }>;
  readonly runs: {
    /** Which of them `values` are. */
    readonly order: 'newest' | 'busiest';
    readonly distinct: number;
    readonly values: readonly SeenRun[];
  };
  readonly approvals: Newest<AskedApproval>;
  /** Answers to approvals that this person gave. */
  readonly answered: Newest<AskedRow>;
  readonly stops: Newest<AskedRow>;
  /** Of a person: what others did in their name. */
  readonly doneFor: number;
  readonly unfit: { readonly count: number; readonly some: readonly Unfit[] };
}

/** What is told of an agent and of a person. */
export const SEEN: Readonly<Record<Principal['kind'], readonly Dimension[]>> = {
  agent: ['host', 'tool', 'credential', 'identity', 'reasonCode', 'user', 'type'],
  user: ['agent', 'host', 'tool', 'credential', 'reasonCode', 'type'],
};
const ANSWERS = ['approval.grant', 'approval.deny'];

/** undefined when the log has nothing of it in that time. */
export async function readHistory(
  opened: OpenedQuery,
  principal: Principal,
  { filter: within, top }: { readonly filter: LogFilter; readonly top: number },
): Promise<History | undefined> {
  const { query } = opened;
  const filter: LogFilter = { ...within, [principal.kind]: principal.name };
  const dimensions = SEEN[principal.kind];
  const summary = await query.summary(filter, [...dimensions, 'run'], top);
  if (summary.totals.total === 0) return undefined;
  const first = await oneRow(opened, filter, { order: 'oldest' });
  const last = await oneRow(opened, filter);
  const seen = new Map<Dimension, { distinct: number; values: readonly SeenValue[] }>();
  for (const dimension of dimensions) {
    const { distinct = 0, values = [] } = summary.by[dimension] ?? {};
    seen.set(dimension, { distinct, values: await withTimes(opened, values) });
  }
  const unfit: { count: number; some: Unfit[] } = { count: 0, some: [] };
  async function newest(of: LogFilter): Promise<Newest<AskedRow>> {
    const asking = readRows(opened, query.rows({ ...filter, ...of }, { limit: top }));
    const some: AskedRow[] = [];
    for await (const asked of asking.rows()) some.push(asked);
    unfit.count += asking.unfit().count;
    unfit.some.push(...asking.unfit().some);
    return { total: await query.count({ ...filter, ...of }), some };
  }
  const asked = await newest({ decision: 'approval_required' });
  return {
    principal,
    summary,
    firstSeen: first?.ts,
    lastSeen: last?.ts,
    seen,
    runs: await runsOf(opened, filter, summary, top),
    approvals: {
      total: asked.total,
      some: await Promise.all(asked.some.map((row) => approvalOf(opened, row))),
    },
    answered: principal.kind === 'user' ? await newest({ types: ANSWERS }) : { total: 0, some: [] },
    stops: await newest({ blocked: true }),
    doneFor: principal.kind === 'user' ? await query.count({ ...within, onBehalfOf: principal.name }) : 0,
    unfit,
  };
}

async function withTimes({ query }: OpenedQuery, values: readonly Counted[]): Promise<readonly SeenValue[]> {
  const seen: SeenValue[] = [];
  for (const value of values) {
    const first = await query.rowOf(value.first);
    const last = value.last === value.first ? first : await query.rowOf(value.last);
    seen.push({ ...value, first_seen: first?.ts, last_seen: last?.ts });
  }
  return seen;
}

/** The newest runs that were started on the record; when there are none, those with the most rows. Newest first. */
async function runsOf(
  opened: OpenedQuery,
  filter: LogFilter,
  { by }: Summary,
  top: number,
): Promise<History['runs']> {
  const { query } = opened;
  const { distinct = 0, values = [] } = by.run ?? {};
  const newest: Counted[] = [];
  for await (const { run } of query.rows({ ...filter, types: ['run.start'] }, { limit: top })) {
    if (run === undefined || newest.some(({ value }) => value === run)) continue;
    const counted = await query.summary({ ...filter, run }, ['run'], 1);
    newest.push(...(counted.by.run?.values ?? []));
  }
  const started = newest.length > 0;
  const runs: SeenRun[] = [];
  for (const value of await withTimes(opened, started ? newest : values)) {
    const end: Row | undefined = await oneRow(opened, { run: value.value, types: ['run.end'] });
    runs.push({ ...value, ended: end?.status });
  }
  return { order: started ? 'newest' : 'busiest', distinct, values: runs.sort((a, b) => b.first - a.first) };
}

async function approvalOf(opened: OpenedQuery, row: AskedRow): Promise<AskedApproval> {
  const [placed] = await entriesAt(opened, [row.row.index]);
  const chain = placed === undefined ? undefined : await approvalChain(opened, placed);
  const said = chain?.links.findLast(isAnswer);
  const by = textAt(said?.entry, 'actor', 'user', 'id') ?? textAt(said?.entry, 'actor', 'agent_id');
  return { row, chain, answer: said === undefined ? undefined : { by, ts: textAt(said.entry, 'ts') } };
}
