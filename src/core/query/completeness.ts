/**
 * Completeness (entry.md section 13), judged apart from integrity: a log can be untouched and still not tell everything.
 * Entries come in the order of the log; what is said about them at the end is an answer, not an error.
 */
import type { JsonObject } from '../json.ts';
import { isEnforced, isSelfReported } from './assurance.ts';
import { numberAt, textAt } from './fields.ts';

/** Particulars that are listed; the counts beside them do not stop. */
const LISTED = 1_000;

export interface Place {
  readonly index: number;
  readonly id: string;
  readonly type: string;
}

export interface Hole {
  readonly recorder_id: string;
  /** Sequence numbers `from` to `to - 1` of that recorder are not in the log. */
  readonly from: number;
  readonly to: number;
  /** Index of the entry after the hole. */
  readonly before: number;
}

export interface CompletenessFindings {
  /** pre_exec without post_exec although its recorder is gone. */
  readonly without_end: readonly Place[];
  readonly without_end_count: number;
  /** run.start without run.end although the recorder that saw it last is gone. */
  readonly runs_without_end: readonly string[];
  readonly runs_without_end_count: number;
  readonly holes: readonly Hole[];
  readonly hole_count: number;
  /** Indexes of log.gap entries: times in which nothing could be written. */
  readonly gaps: readonly number[];
  readonly gap_count: number;
  /** Actions and runs whose recorder is alive: open, not missing. */
  readonly open_actions: number;
  readonly open_runs: number;
  /** Recorders that ended without log.close (a crash, a kill). What they had begun is closed or listed above. */
  readonly abrupt_ends: number;
  /** post_exec with status unknown: nobody saw how the action ended. */
  readonly unknown_ends: number;
}

export interface CompletenessJudge {
  see(entry: JsonObject): void;
  /** `alive`: whether the recorder that opened the log last still runs; undefined when nobody can tell (a copy). */
  finish(alive: boolean | undefined): CompletenessFindings;
}

interface RecorderState {
  next: number;
  closed: boolean;
}

/** `first`: index of the first entry that is there. Of what was pruned before it nothing is missing. */
export function judgeCompleteness(first = 0): CompletenessJudge {
  const recorders = new Map<string, RecorderState>();
  const open = new Map<string, Place & { readonly recorder: string; readonly enforced: boolean }>();
  const runs = new Map<string, string>();
  const holes: Hole[] = [];
  const gaps: number[] = [];
  let holeCount = 0;
  let gapCount = 0;
  let unknownEnds = 0;
  /** The recorder that opened the log last. */
  let current: string | undefined;

  function sequence(recorder: string, seq: number | undefined, index: number): void {
    if (seq === undefined) return;
    // The recorder at the border had begun before it.
    const begun = first > 0 && recorders.size === 0 ? seq : 0;
    const state = recorders.get(recorder) ?? { next: begun, closed: false };
    if (seq > state.next) {
      holeCount++;
      if (holes.length < LISTED)
        holes.push({ recorder_id: recorder, from: state.next, to: seq, before: index });
    }
    state.next = Math.max(state.next, seq + 1);
    recorders.set(recorder, state);
  }

  return {
    see(entry) {
      const recorder = textAt(entry, 'source', 'recorder_id') ?? '';
      const index = numberAt(entry, 'index') ?? -1;
      const id = textAt(entry, 'id') ?? '';
      const type = textAt(entry, 'type') ?? '';
      sequence(recorder, numberAt(entry, 'source', 'seq'), index);
      const phase = textAt(entry, 'phase');
      if (phase === 'pre_exec') open.set(id, { id, index, type, recorder, enforced: isEnforced(entry) });
      if (phase === 'post_exec') {
        const begun = open.get(textAt(entry, 'parent_id') ?? '');
        // A forged end of what the broker did must not hide that its own end is missing.
        if (begun !== undefined && (!begun.enforced || !isSelfReported(entry))) open.delete(begun.id);
        if (textAt(entry, 'outcome', 'status') === 'unknown') unknownEnds++;
      }
      const run = textAt(entry, 'run_id');
      const bounds = !isSelfReported(entry);
      if (run !== undefined && type === 'run.end' && bounds) runs.delete(run);
      else if (run !== undefined && ((type === 'run.start' && bounds) || runs.has(run)))
        runs.set(run, recorder);
      if (type === 'log.open') current = recorder;
      const state = type === 'log.close' ? recorders.get(recorder) : undefined;
      if (state !== undefined) state.closed = true;
      if (type === 'log.gap') {
        gapCount++;
        if (gaps.length < LISTED) gaps.push(index);
      }
    },
    finish(writerLives) {
      // Who cannot tell does not accuse.
      const mayLive = writerLives !== false;
      const alive = (recorder: string): boolean =>
        mayLive && recorder === current && recorders.get(recorder)?.closed !== true;
      const missing = [...open.values()].filter(({ recorder }) => !alive(recorder));
      const ended = [...runs].filter(([, recorder]) => !alive(recorder)).map(([run]) => run);
      return {
        without_end: missing.slice(0, LISTED).map(({ index, id, type }) => ({ index, id, type })),
        without_end_count: missing.length,
        runs_without_end: ended.slice(0, LISTED),
        runs_without_end_count: ended.length,
        holes,
        hole_count: holeCount,
        gaps,
        gap_count: gapCount,
        open_actions: open.size - missing.length,
        open_runs: runs.size - ended.length,
        abrupt_ends: [...recorders].filter(([id, { closed }]) => !closed && !alive(id)).length,
        unknown_ends: unknownEnds,
      };
    },
  };
}

/** Whether anything is missing. What is open, or ended unseen but is said to have, is not. */
export function isComplete(findings: CompletenessFindings): boolean {
  const { without_end_count, runs_without_end_count, hole_count, gap_count } = findings;
  return without_end_count + runs_without_end_count + hole_count + gap_count === 0;
}
