/** Days on which something happens that did not before. */
import type { Row } from '../../../src/core/query/row.ts';
import { dayOfRows, type Habits, rowOf, START } from './simulate.ts';

export interface Plant {
  readonly name: string;
  /** The kinds that tell it. */
  readonly kinds: readonly string[];
  /** Rows of the present; undefined for an agent that it cannot be planted in. */
  plant(habits: Habits, day: number): Row[] | undefined;
}

const HOUR_MS = 3_600_000;

function time(row: Row | undefined): number {
  return Date.parse(row?.ts ?? '');
}

/** The busiest hour of a day. */
export function busiest(rows: readonly Row[]): Row[] {
  const hours = new Map<string, Row[]>();
  for (const row of rows) {
    const hour = row.ts?.slice(0, 13) ?? '';
    const of = hours.get(hour) ?? [];
    of.push(row);
    hours.set(hour, of);
  }
  return [...hours.values()].reduce((most, of) => (of.length > most.length ? of : most), []);
}

/** An hour with some calls, or nothing on a day off. */
function anHour(habits: Habits, day: number): Row[] | undefined {
  const rows = busiest(dayOfRows(habits, day));
  return rows.length < 5 ? undefined : rows;
}

const withRows =
  (change: (rows: Row[], habits: Habits, day: number) => Row[] | undefined): Plant['plant'] =>
  (habits, day) => {
    const rows = anHour(habits, day);
    return rows === undefined ? undefined : change(rows, habits, day);
  };

export const PLANTS: readonly Plant[] = [
  {
    name: 'one call to a host never used',
    kinds: ['first_host'],
    plant: withRows((rows, habits) => [
      ...rows,
      rowOf(habits.agent, time(rows.at(-1)), {
        run: rows.at(-1)?.run,
        host: 'paste.example',
        method: 'POST',
      }),
    ]),
  },
  {
    name: 'one call with a credential never used',
    kinds: ['first_credential'],
    plant: withRows((rows) =>
      rows.map((row, i) => (i === 2 ? { ...row, credentials: ['STRIPE_KEY'] } : row)),
    ),
  },
  {
    name: 'ten times as many calls in a minute as ever before',
    kinds: ['calls_per_minute', 'calls_per_hour', 'run_calls'],
    plant: withRows((rows, habits) => {
      const first = time(rows[0]);
      const often = Math.ceil(10 * Math.max(2, 60_000 / habits.gapMs));
      return Array.from({ length: often }, (_, i) =>
        rowOf(habits.agent, Math.floor(first / 60_000) * 60_000 + Math.floor((i * 60_000) / often), {
          run: rows[0]?.run,
          host: rows[0]?.host,
          method: 'GET',
        }),
      );
    }),
  },
  {
    name: 'half of the calls of an hour fail',
    kinds: ['failures', 'host_failures'],
    plant: withRows((rows) =>
      rows.length < 20
        ? undefined
        : rows.map((row, i) => (i % 2 === 0 ? { ...row, status: 'error', statusCode: 500 } : row)),
    ),
  },
  {
    name: 'a third of the calls of an hour are stopped',
    kinds: ['stops'],
    plant: withRows((rows) =>
      rows.length < 20
        ? undefined
        : rows.map((row, i) =>
            i % 3 === 0 ? { ...row, decision: 'stop', status: 'blocked', statusCode: undefined } : row,
          ),
    ),
  },
  {
    name: 'a run with forty times as many calls',
    kinds: ['run_calls', 'calls_per_hour', 'calls_per_minute'],
    plant: withRows((rows, habits) => {
      if (habits.runs === 'none') return undefined;
      const calls = Math.ceil(40 * habits.callsPerRun);
      const step = Math.min(habits.gapMs, (4 * HOUR_MS) / calls);
      return Array.from({ length: calls }, (_, i) =>
        rowOf(habits.agent, time(rows[0]) + i * step, { ...pick(rows[i % rows.length]), run: 'run_endless' }),
      );
    }),
  },
  {
    name: 'active twelve hours from its usual time',
    kinds: ['unusual_hour'],
    plant: withRows((rows, habits, day) => {
      const hour = (habits.firstHour + habits.hours / 2 + 12) % 24;
      return rows.map((row, i) => ({
        ...row,
        ts: new Date(START + day * 24 * HOUR_MS + Math.floor(hour) * HOUR_MS + i * 1000).toISOString(),
      }));
    }),
  },
  {
    name: 'its hosts take ten times as long',
    kinds: ['host_slow'],
    plant: withRows((rows) =>
      rows.length < 20 ? undefined : rows.map((row) => ({ ...row, durationMs: (row.durationMs ?? 0) * 10 })),
    ),
  },
  {
    name: 'without the token it always had',
    kinds: ['first_identity'],
    plant: withRows((rows) => rows.map((row) => ({ ...row, identity: 'declared' }))),
  },
];

function pick(row: Row | undefined): Partial<Row> {
  if (row === undefined) return {};
  const { host, method, credentials, durationMs, environment } = row;
  return { host, method, credentials, durationMs, environment };
}
