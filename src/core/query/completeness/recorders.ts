/**
 * The numbers of recorders, and the times between them. One writes at a time, so what is remembered of the older ones is
 * needed for a log only that no recorder wrote.
 */
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { numberAt, textAt } from '../fields.ts';
import { type Downtime, type Downtimes, type Hole, type Listing, listing } from './findings.ts';

interface State {
  next: number;
  closed: boolean;
}

export interface Recorders {
  see(entry: JsonObject): void;
  /** The one that opened the log last. */
  readonly current: () => string | undefined;
  isClosed(recorder: string): boolean;
  /** Recorders that wrote no log.close, without those that are alive. */
  abruptEnds(alive: (recorder: string) => boolean): number;
  readonly holes: Listing<Hole>;
  readonly stopped: () => Downtimes;
  readonly crashed: () => Downtimes;
}

export interface RecordersOptions {
  /** Index of the first entry that is there. Of what was pruned before it nothing is missing. */
  readonly first: number;
  readonly onHole?: (hole: Hole) => void;
  readonly onDowntime?: (downtime: Downtime, clean: boolean) => void;
}

export function watchRecorders({ first, onHole, onDowntime }: RecordersOptions): Recorders {
  const states = new Map<string, State>();
  const holes = listing(onHole);
  const stopped = times((downtime) => onDowntime?.(downtime, true));
  const crashed = times((downtime) => onDowntime?.(downtime, false));
  let forgottenOpen = 0;
  let seen = false;
  let current: string | undefined;
  let last: { readonly recorder: string; ts: string; closes: boolean } | undefined;

  function stateOf(recorder: string, seq: number): State {
    const known = states.get(recorder);
    if (known !== undefined) return known;
    // The recorder at the border of what was pruned had begun before it.
    const state = { next: first > 0 && !seen ? seq : 0, closed: false };
    states.set(recorder, state);
    if (states.size > LIMITS.rememberedRecorders) {
      const [oldest] = states;
      if (oldest !== undefined) {
        states.delete(oldest[0]);
        if (!oldest[1].closed) forgottenOpen++;
      }
    }
    return state;
  }

  function between(recorder: string, ts: string, before: number): void {
    if (last === undefined || last.recorder === recorder) return;
    const ms = Date.parse(ts) - Date.parse(last.ts);
    const downtime = { recorder_id: last.recorder, from: last.ts, to: ts, ms: Math.max(0, ms), before };
    (last.closes ? stopped : crashed).add(downtime);
  }

  return {
    see(entry) {
      const recorder = textAt(entry, 'source', 'recorder_id') ?? '';
      const index = numberAt(entry, 'index') ?? -1;
      const type = textAt(entry, 'type') ?? '';
      const seq = numberAt(entry, 'source', 'seq');
      const ts = textAt(entry, 'ts');
      if (seq !== undefined) {
        const state = stateOf(recorder, seq);
        if (seq > state.next) holes.add({ recorder_id: recorder, from: state.next, to: seq, before: index });
        state.next = Math.max(state.next, seq + 1);
        if (type === 'log.close') state.closed = true;
      }
      seen = true;
      if (type === 'log.open') current = recorder;
      if (ts === undefined) return;
      between(recorder, ts, index);
      const closes = type === 'log.close';
      if (last?.recorder === recorder) Object.assign(last, { ts, closes });
      else last = { recorder, ts, closes };
    },
    current: () => current,
    isClosed: (recorder) => states.get(recorder)?.closed === true,
    abruptEnds: (alive) =>
      forgottenOpen + [...states].filter(([id, { closed }]) => !closed && !alive(id)).length,
    holes,
    stopped: stopped.told,
    crashed: crashed.told,
  };
}

function times(also: (downtime: Downtime) => void) {
  const all = listing(also);
  let ms = 0;
  let longest: Downtime | undefined;
  return {
    add(downtime: Downtime): void {
      all.add(downtime);
      ms += downtime.ms;
      if (longest === undefined || downtime.ms > longest.ms) longest = downtime;
    },
    told: (): Downtimes => ({
      count: all.count(),
      ms,
      ...(longest === undefined ? {} : { longest }),
      listed: all.some,
    }),
  };
}
