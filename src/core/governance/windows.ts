/**
 * Sliding windows: the times of the calls that counted, a list for each subject. Nothing is kept longer than the longest
 * window of the policy, and no more than the largest count that it asks for: more could not change an answer.
 */
import { LIMITS } from '../limits.ts';
import type { Rate } from '../policy/compiled.ts';
import type { WindowRead } from '../policy/types.ts';
import { type Needs, noNeeds, SUBJECT_KINDS, type SubjectKind } from './needs.ts';

export interface WindowsState {
  needs: Needs;
  readonly times: { readonly [kind in SubjectKind]: Map<string, number[]> };
  /** When those without a recent call were last looked for. */
  readonly swept: { [kind in SubjectKind]: number };
}

/** Of every subject beyond LIMITS.windowSubjects: they share one count, so that inventing names frees nobody. */
const OTHERS = '…';
const SWEEPS_PER_WINDOW = 8;
/** Lists are cut when they have this much more than is needed: cutting at every call would move all of it. */
const SLACK = 16;

export function emptyWindows(needs: Needs = noNeeds()): WindowsState {
  return {
    needs,
    times: { user: new Map(), agent: new Map(), tenant: new Map(), global: new Map(), tool: new Map() },
    swept: { user: 0, agent: 0, tenant: 0, global: 0, tool: 0 },
  };
}

/** The first place whose time is after `ms`. */
function after(times: readonly number[], ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether any policy window asks for the times of calls. */
export function countsCalls({ needs }: WindowsState): boolean {
  return SUBJECT_KINDS.some((kind) => needs[kind].ms > 0);
}

/** `subjects`: those of `subjectsOf`, in its order. `now`: folded time. */
export function countCall(state: WindowsState, subjects: readonly string[], now: number): void {
  for (let i = 0; i < subjects.length; i++) {
    const kind = SUBJECT_KINDS[i];
    const subject = subjects[i];
    if (kind !== undefined && subject !== undefined && state.needs[kind].ms > 0)
      add(state, kind, subject, now);
  }
}

function add(state: WindowsState, kind: SubjectKind, subject: string, now: number): void {
  const { ms, count } = state.needs[kind];
  const name = placeOf(state, kind, subject, now);
  const times = state.times[kind].get(name);
  if (times === undefined) {
    state.times[kind].set(name, [now]);
    return;
  }
  times.push(now);
  if (times.length <= count + SLACK && times.length <= SLACK) return;
  // One more than the count: a call that was put to a person is not counted against itself.
  const over = Math.max(after(times, now - ms), times.length - count - 1);
  if (over >= Math.max(SLACK, times.length >> 1)) times.splice(0, over);
}

/** Where a subject's calls are: under its own name, unless there are too many names. */
function placeOf(state: WindowsState, kind: SubjectKind, subject: string, now: number): string {
  const all = state.times[kind];
  if (all.size < LIMITS.windowSubjects || all.has(subject)) return subject;
  const { ms } = state.needs[kind];
  if (now - state.swept[kind] >= ms / SWEEPS_PER_WINDOW) {
    state.swept[kind] = now;
    for (const [name, times] of all) if ((times.at(-1) ?? 0) <= now - ms) all.delete(name);
  }
  return all.size < LIMITS.windowSubjects ? subject : OTHERS;
}

/**
 * Calls in the window that ends `now`, and when the next one fits. `asked`: when the call that asks was put to a person,
 * and was counted: it is not another one.
 */
export function readWindow(
  state: WindowsState,
  kind: SubjectKind,
  subject: string,
  rate: Rate,
  now: number,
  asked?: number,
): WindowRead {
  const all = state.times[kind];
  const times = all.get(subject) ?? (all.size < LIMITS.windowSubjects ? [] : (all.get(OTHERS) ?? []));
  const own = asked !== undefined && asked > now - rate.window_ms && asked <= now ? 1 : 0;
  const counted = times.length - after(times, now - rate.window_ms);
  const count = Math.min(Math.max(0, counted - own), rate.count);
  if (count < rate.count) return { count };
  // With a rate of none at all there is no call to wait for.
  const oldest = rate.count === 0 ? now : (times[times.length - rate.count - own] ?? now);
  return { count, free_in_ms: Math.ceil(oldest + rate.window_ms - now) };
}
