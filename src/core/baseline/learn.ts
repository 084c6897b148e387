/** From rows to what is usual. */
import type { Row } from '../query/row.ts';
import { createDay, type DayBuilder } from './day.ts';
import type { Day, Model } from './model.ts';
import { dayOf, isDay } from './moment.ts';

export interface LearnParams {
  readonly agent: string;
  /** RFC 3339 UTC with milliseconds, like `ts`: inclusive, the start of a UTC day (`windowBefore`). */
  readonly since: string;
  /** Exclusive. */
  readonly until: string;
}

export interface Learner {
  /** Rows in the order of the log. Those of other agents and outside the window are passed over. */
  add(row: Row): void;
  days(): readonly Day[];
}

/** Memory: a bounded cell for each day of the window. */
export function createLearner({ agent, since, until }: LearnParams): Learner {
  const days = new Map<string, DayBuilder>();
  let last: { readonly day: string; readonly builder: DayBuilder | undefined } | undefined;
  return {
    add(row) {
      const { ts } = row;
      if (row.agent !== agent || ts === undefined || ts < since || ts >= until) return;
      const day = dayOf(ts);
      if (last?.day !== day) {
        const builder = days.get(day) ?? (isDay(day) ? createDay(day) : undefined);
        if (builder !== undefined) days.set(day, builder);
        last = { day, builder };
      }
      last.builder?.add(row);
    },
    days: () => [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, builder]) => builder.finish()),
  };
}

/** The same rows in the same order and the same parameters give the same model, byte for byte (`serializeModel`). */
export function learn(rows: Iterable<Row>, params: LearnParams): Model {
  const learner = createLearner(params);
  for (const row of rows) learner.add(row);
  return { ...params, days: learner.days() };
}
