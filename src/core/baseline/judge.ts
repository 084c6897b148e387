/**
 * How what an agent does now differs from what it usually does. Pure: the same model and the same rows give the same
 * deviations, whatever the machine.
 */
import type { Row } from '../query/row.ts';
import type { Deviation, Learning } from './deviation.ts';
import type { Model } from './model.ts';

/**
 * Takes the rows of one agent as they come, in the order of the log. A row whose end comes later is given again when
 * it has it (same `index`, now with `end`). Memory is bounded by `LIMITS`, whatever comes.
 */
export interface LiveBaseline {
  /** What this row shows. Told once for each kind and subject in an hour (UTC, by `ts`), again when it becomes an alarm. */
  add(row: Row): readonly Deviation[];
  /** While too few runs are known nothing is scored. */
  readonly learning: Learning | undefined;
}

export type CreateLiveBaseline = (model: Model) => LiveBaseline;
/** Highest score first; equal ones by kind, then by subject. Empty while the model is still learning. */
export type Judge = (model: Model, rows: Iterable<Row>) => readonly Deviation[];
