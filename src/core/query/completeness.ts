/**
 * Completeness (entry.md section 13), judged apart from integrity: a log can be untouched and still not tell everything.
 * Entries come in the order of the log; what is said about them at the end is an answer, not an error. Memory is bounded:
 * where more is open at once than fits, the log has to be seen again, a part of the ids each time (`further`).
 */
import type { JsonObject } from '../json.ts';
import { isImported } from './assurance.ts';
import { watchFailing } from './completeness/failing.ts';
import {
  type CompletenessFindings,
  type Downtime,
  type Hole,
  listing,
  type MissingSteps,
  type Place,
} from './completeness/findings.ts';
import { foldLeft, type LeftHooks } from './completeness/left.ts';
import { placeOf, watchPairs } from './completeness/pairs.ts';
import { watchRecorders } from './completeness/recorders.ts';
import { watchSessions } from './completeness/sessions.ts';
import { watchSources } from './completeness/sources.ts';
import { watchSteps } from './completeness/steps.ts';
import { booleanAt, field, numberAt, textAt } from './fields.ts';

export { type CompletenessFindings, isComplete } from './completeness/findings.ts';

/** Told of every particular, also of those that `findings` does not list. Those of what is open come at the end. */
export interface CompletenessHooks extends LeftHooks {
  readonly onHole?: (hole: Hole) => void;
  readonly onGap?: (index: number) => void;
  readonly onSecret?: (place: Place) => void;
  readonly onUnrecorded?: (place: Place) => void;
  readonly onSteps?: (missing: MissingSteps) => void;
  readonly onDowntime?: (downtime: Downtime, clean: boolean) => void;
}

export interface CompletenessOptions extends CompletenessHooks {
  /** Index of the first entry that is there. Of what was pruned before it nothing is missing. */
  readonly first?: number;
  /** Actions that may be open at once in one part; tests shorten it. */
  readonly room?: number;
}

export interface CompletenessJudge {
  see(entry: JsonObject): void;
  /** After `see` had every entry: what has to see all of them again, one after the other. For most logs nothing. */
  further(alive: boolean | undefined): Generator<(entry: JsonObject) => void>;
  /**
   * Last, and once. `alive`: whether the recorder that opened the log last still runs; undefined when nobody can tell (a
   * copy).
   */
  finish(alive: boolean | undefined): CompletenessFindings;
}

export function judgeCompleteness({
  first = 0,
  room,
  ...hooks
}: CompletenessOptions = {}): CompletenessJudge {
  const limits = room === undefined ? {} : { room };
  const recorders = watchRecorders({ first, ...hooks });
  const failing = watchFailing();
  const main = watchPairs(limits);
  const left = foldLeft(hooks);
  const sources = watchSources();
  const steps = watchSteps(hooks.onSteps);
  const gaps = listing(hooks.onGap);
  const secrets = listing(hooks.onSecret);
  const sessions = watchSessions(hooks.onUnrecorded);
  let unknownEnds = 0;
  let lastIndex = -1;

  /** Who cannot tell does not accuse. */
  function aliveOf(writerLives: boolean | undefined): (recorder: string) => boolean {
    const current = writerLives === false ? undefined : recorders.current();
    return (recorder) => recorder === current && !recorders.isClosed(recorder);
  }

  return {
    see(entry) {
      const type = textAt(entry, 'type') ?? '';
      recorders.see(entry);
      failing.see(entry, type);
      sessions.see(entry, type);
      steps.see(entry, type);
      main.see(entry);
      sources.see(entry, isImported(entry));
      lastIndex = Math.max(lastIndex, numberAt(entry, 'index') ?? -1);
      const ended = textAt(entry, 'phase') === 'post_exec';
      if (ended && textAt(entry, 'outcome', 'status') === 'unknown' && !isImported(entry)) unknownEnds++;
      if (type === 'log.gap') gaps.add(numberAt(entry, 'index') ?? -1);
      if (type === 'secret.access' && !ended && isOutsideRuns(entry)) secrets.add(placeOf(entry));
    },
    *further(writerLives) {
      const of = main.parts();
      for (let at = 1; at < of; at++) {
        const part = watchPairs({ ...limits, part: { of, at } });
        // A log that grows meanwhile has entries that the first reading did not see.
        yield (entry) => {
          if ((numberAt(entry, 'index') ?? -1) <= lastIndex) part.see(entry);
        };
        left.add(part, aliveOf(writerLives));
      }
    },
    finish(writerLives) {
      const alive = aliveOf(writerLives);
      left.add(main, alive);
      steps.finish(alive);
      return {
        sources: sources.told({ ...left.bySource, steps_missing: steps.bySource }),
        ...left.told(),
        steps_missing: steps.runs.some,
        steps_missing_count: steps.steps(),
        secrets_outside_runs: secrets.some,
        secrets_outside_runs_count: secrets.count(),
        unrecorded_calls: sessions.unrecorded.some,
        unrecorded_calls_count: sessions.unrecordedCalls(),
        untold_calls_count: sessions.untoldCalls(),
        holes: recorders.holes.some,
        hole_count: recorders.holes.count(),
        gaps: gaps.some,
        gap_count: gaps.count(),
        abrupt_ends: recorders.abruptEnds(alive),
        unknown_ends: unknownEnds,
        stopped: recorders.stopped(),
        crashed: recorders.crashed(),
        failing: failing.list(),
        failing_count: failing.list().length,
      };
    },
  };
}

/** By an agent, and no run says what for. One that was stopped got nothing; a format that is imported may know no runs. */
function isOutsideRuns(entry: JsonObject): boolean {
  const byAgent =
    booleanAt(entry, 'actor', 'is_agent') === true || field(entry, 'actor', 'detected') !== undefined;
  const stopped =
    textAt(entry, 'outcome', 'status') === 'blocked' || textAt(entry, 'decision', 'outcome') === 'stop';
  return byAgent && !stopped && textAt(entry, 'run_id') === undefined && !isImported(entry);
}
