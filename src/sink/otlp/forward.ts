/**
 * Sends the entries of a log to a collector, in their order, from where it was: the log itself is the queue, so nothing
 * that the collector does loses an entry or makes this grow. One request is under way at a time. What was sent and not
 * answered is sent again: each entry arrives at least once, with its id.
 */
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ForwardState } from '../../core/otlp/state.ts';
import type { Place, Position } from './position.ts';
import type { Taken } from './send.ts';
import { type OtlpForward, placeOf } from './setting.ts';

/** Some entries as a request. */
export interface Batch {
  /** Empty when `count` is 0. */
  readonly body: Uint8Array;
  readonly count: number;
  /** Behind the last line that was looked at, and that line; absent when there was none. */
  readonly after?: Place;
  readonly last?: NonNullable<Position['last']>;
}

export interface ForwardHost {
  /** Asked at every turn; undefined: entries go nowhere. Throws BAD_CONFIG: then what was configured stays. */
  setting(): OtlpForward | undefined;
  /** Entries that are durable now. */
  durable(): number;
  /** Where it is to begin, when there is no position. */
  begin(from: 'now' | 'beginning'): Promise<Place>;
  next(place: Place, upTo: number): Promise<Batch>;
  send(setting: OtlpForward, body: Uint8Array, signal: AbortSignal): Promise<Taken>;
  /** Resolved: durable. */
  save(position: Position): Promise<void>;
  /** An entry that tells of a collector that fails, or works again. */
  tell(type: 'sink.fail' | 'sink.ok', metadata: Record<string, unknown>): Promise<void>;
  readonly now: () => number;
  readonly random: () => number;
  onWarning(line: string): void;
}

export interface Forwarder {
  start(): void;
  /** undefined while entries go nowhere. */
  state(): ForwardState | undefined;
  close(): Promise<void>;
}

/** Of an entry, and of `tally alerts`. */
const SINK = 'otlp';

export function createForwarder(host: ForwardHost, stored: Position | undefined): Forwarder {
  const stop = new AbortController();
  let setting: OtlpForward | undefined;
  let position = stored;
  let waiting: Batch | undefined;
  let failing: { message: string; attempts: number; since: number; next: number } | undefined;
  let toldAt: number | undefined;
  let broken: string | undefined;
  let running: Promise<void> | undefined;

  function readSetting(): void {
    try {
      setting = host.setting();
      broken = undefined;
    } catch (error) {
      if (!isTallyError(error)) throw error;
      if (broken !== error.message)
        host.onWarning(`where entries are sent to stays as it was: ${error.message}`);
      broken = error.message;
    }
  }

  /** True when there may be more to do at once. */
  async function turn(): Promise<boolean> {
    readSetting();
    const to = setting;
    if (to === undefined) return false;
    if (position === undefined) {
      const begun: Position = { format: 1, place: await host.begin(to.from ?? 'now'), rejected: 0 };
      // Before anything is sent: a restart begins there, not at the end again.
      await host.save(begun);
      position = begun;
    }
    const upTo = host.durable();
    if (position.place.index >= upTo) return false;
    waiting ??= await host.next(position.place, upTo);
    const { after, last, count, body } = waiting;
    if (after === undefined) {
      waiting = undefined;
      return false;
    }
    const taken = count === 0 ? { rejected: 0, why: '' } : await attempt(to, body);
    if (taken === undefined) return false;
    const rejected = position.rejected + taken.rejected;
    const rejection = taken.rejected > 0 ? taken.why : position.rejection;
    const reached: Position = {
      format: 1,
      place: after,
      ...(last === undefined ? {} : { last }),
      rejected,
      ...(rejection === undefined ? {} : { rejection }),
    };
    await host.save(reached);
    position = reached;
    waiting = undefined;
    await judge(taken);
    return true;
  }

  async function attempt(to: OtlpForward, body: Uint8Array): Promise<Taken | undefined> {
    try {
      const taken = await host.send(to, body, stop.signal);
      if (failing !== undefined && failing.attempts > 0) host.onWarning(`${placeOf(to)} takes entries again`);
      failing = undefined;
      return taken;
    } catch (error) {
      if (stop.signal.aborted) return undefined;
      if (!isTallyError(error)) throw error;
      await failed(error.message, error.details?.retry_after_ms);
      return undefined;
    }
  }

  async function failed(message: string, asked: unknown): Promise<void> {
    const now = host.now();
    const attempts = (failing?.attempts ?? 0) + 1;
    const since = failing?.since ?? now;
    const full = Math.min(LIMITS.otlpAgainMs * 2 ** Math.min(attempts - 1, 20), LIMITS.otlpAgainMostMs);
    const wait = Math.max(full / 2 + (full / 2) * host.random(), typeof asked === 'number' ? asked : 0);
    if (failing === undefined) host.onWarning(`entries could not be sent: ${message}; they are sent later`);
    failing = { message, attempts, since, next: now + wait };
    if (now - since >= LIMITS.otlpFailingMs) await tellFailing(message, attempts);
  }

  /** Once, until it works again. */
  async function tellFailing(reason: string, attempts: number): Promise<void> {
    if (toldAt !== undefined) return;
    toldAt = host.now();
    const index = position?.place.index ?? 0;
    await host.tell('sink.fail', {
      sink: SINK,
      index,
      attempts,
      reason: reason.slice(0, LIMITS.otlpTextBytes),
    });
  }

  async function judge({ rejected, why }: Taken): Promise<void> {
    if (rejected > 0) {
      if (toldAt === undefined)
        host.onWarning(`the collector did not take ${rejected} of the entries that it was sent: ${why}`);
      await tellFailing(`it did not take ${rejected} entries: ${why}`, 1);
      return;
    }
    // Not with each request: these entries are sent too, and would never end.
    if (toldAt === undefined || host.now() - toldAt < LIMITS.otlpFailingMs) return;
    toldAt = undefined;
    await host.tell('sink.ok', { sink: SINK, index: position?.place.index ?? 0 });
  }

  async function run(): Promise<void> {
    let told = '';
    while (!stop.signal.aborted) {
      let more = false;
      try {
        more = await turn();
        told = '';
      } catch (error) {
        if (stop.signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        if (why !== told) host.onWarning(`sending entries stands still: ${why}; it is tried again`);
        told = why;
      }
      const pause = failing === undefined ? LIMITS.otlpTurnMs : Math.max(0, failing.next - host.now());
      if (!more) await slept(Math.min(pause, LIMITS.otlpAgainMostMs), stop.signal);
    }
  }

  return {
    start() {
      running ??= run();
    },
    state() {
      if (setting === undefined) return undefined;
      const index = position?.place.index ?? 0;
      return {
        place: placeOf(setting),
        index,
        behind: position === undefined ? 0 : Math.max(0, host.durable() - index),
        rejected: position?.rejected ?? 0,
        ...(position?.rejection === undefined ? {} : { rejection: position.rejection }),
        ...(failing === undefined
          ? {}
          : {
              failing: {
                message: failing.message,
                attempts: failing.attempts,
                since: new Date(failing.since).toISOString(),
                retry_at: new Date(failing.next).toISOString(),
              },
            }),
      };
    },
    async close() {
      stop.abort();
      await running;
    },
  };
}

function slept(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
