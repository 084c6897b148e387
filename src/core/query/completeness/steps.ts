/**
 * Steps of runs that programs record of themselves (spec/sdk.md): counted from 1 when something is told, so a number that
 * is not there is something that was lost before it reached the log. Memory does not grow with a run.
 */
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { isImported } from '../assurance.ts';
import { numberAt, textAt } from '../fields.ts';
import { type Listing, listing, type MissingSteps } from './findings.ts';
import { sourceKey } from './sources.ts';

export interface StepsWatch {
  see(entry: JsonObject, type: string): void;
  /** Last, and once: runs that are open while their recorder lives may still be telling. */
  finish(alive: (recorder: string) => boolean): void;
  readonly runs: Listing<MissingSteps>;
  readonly steps: () => number;
  readonly bySource: ReadonlyMap<string, number>;
}

interface Run {
  readonly index: number;
  readonly source: string;
  recorder: string;
  /** Every step below was there, or is counted as missing. */
  next: number;
  missing: number;
  /** Steps above that came before one below: what is told side by side may overtake. */
  readonly ahead: Set<number>;
}

const STEP = /^[1-9][0-9]{0,14}$/;

export function watchSteps(onMissing: ((missing: MissingSteps) => void) | undefined): StepsWatch {
  const open = new Map<string, Run>();
  const runs = listing(onMissing);
  const bySource = new Map<string, number>();
  let steps = 0;

  function count(step: number, run: Run): void {
    if (step < run.next) return;
    run.ahead.add(step);
    // Of so many none is still on its way: the oldest that is not there is lost.
    if (run.ahead.size > LIMITS.stepsAhead) skip(run);
    while (run.ahead.delete(run.next)) run.next++;
  }

  function skip(run: Run): void {
    const lowest = Math.min(...run.ahead);
    run.missing += lowest - run.next;
    run.next = lowest;
  }

  function close(run_id: string, run: Run): void {
    open.delete(run_id);
    while (run.ahead.size > 0) {
      skip(run);
      while (run.ahead.delete(run.next)) run.next++;
    }
    const { missing, index, source } = run;
    if (missing === 0) return;
    steps += missing;
    bySource.set(source, (bySource.get(source) ?? 0) + missing);
    runs.add({ run_id, index, missing });
  }

  return {
    see(entry, type) {
      const run_id = textAt(entry, 'run_id');
      if (run_id === undefined || textAt(entry, 'source', 'surface') !== 'sdk' || isImported(entry)) return;
      const recorder = textAt(entry, 'source', 'recorder_id') ?? '';
      if (type === 'run.start') {
        const index = numberAt(entry, 'index') ?? -1;
        open.set(run_id, {
          index,
          source: sourceKey(entry),
          recorder,
          next: 1,
          missing: 0,
          ahead: new Set(),
        });
        const [oldest] = open;
        if (open.size > LIMITS.stepsRuns && oldest !== undefined) close(...oldest);
        return;
      }
      // Of one whose beginning was pruned nobody can tell.
      const run = open.get(run_id);
      if (run === undefined) return;
      run.recorder = recorder;
      if (type === 'run.end') return close(run_id, run);
      const step = textAt(entry, 'step_id') ?? '';
      if (textAt(entry, 'phase') !== 'post_exec' && STEP.test(step)) count(Number(step), run);
    },
    finish(alive) {
      for (const [run_id, run] of [...open]) if (!alive(run.recorder)) close(run_id, run);
    },
    runs,
    steps: () => steps,
    bySource,
  };
}
