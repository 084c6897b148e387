/** What the machine's configuration says is to be kept, carried out by the writer: when it is asked to, and every hour. */
import type { Event } from '../core/entry.ts';
import { asTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { isSet, type RetentionSetting } from '../core/retention/setting.ts';
import type { EraseWhat } from '../recorder/erase-find.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import type { RetentionPort } from '../recorder/retention.ts';
import type { DuePayloads, RetentionDone, RetentionState } from '../recorder/retention-ops.ts';
import { createTurns } from '../recorder/turns.ts';

const DAY_MS = 86_400_000;

/** What is due of payloads, class by class. */
export function dueOf(
  { payloads = {} }: RetentionSetting,
  nowMs: number,
): readonly (EraseWhat & { readonly name: string; readonly days: number })[] {
  const named = Object.keys(payloads).filter((name) => name !== '*');
  return Object.entries(payloads).map(([name, days]) => ({
    name,
    days,
    ...(name === '*' ? { exceptClasses: named } : { class: name }),
    before: nowMs - days * DAY_MS,
  }));
}

export interface Retention extends RetentionPort {
  close(): Promise<void>;
}

export function openRetention(options: {
  readonly recorder: LocalRecorder;
  /** Read anew whenever it is asked; throws BAD_CONFIG. */
  readonly settings: () => RetentionSetting;
  /** Entries that every configured anchor has seen; undefined when none is configured. */
  readonly anchored: () => Promise<number | undefined>;
  /** Whether it is carried out every hour. */
  readonly background: boolean;
  readonly now: () => number;
  readonly onWarning: (line: string) => void;
}): Retention {
  const { recorder, now } = options;
  const inTurn = createTurns();
  let running: Promise<RetentionDone> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let nextMs: number | undefined;
  let closed = false;

  async function requestOf(setting: RetentionSetting) {
    const { entries = {}, anchored = true } = setting;
    return { rule: entries, anchored: anchored ? await options.anchored() : undefined };
  }

  async function carryOut(event: Event): Promise<RetentionDone> {
    const setting = options.settings();
    const { plan, receipt } = await recorder.pruner.prune(await requestOf(setting), event);
    const payloads: DuePayloads[] = [];
    for (const { name, days, ...what } of dueOf(setting, now())) {
      const metadata = { ...event.metadata, class: name, days };
      const { keys, held } = await recorder.eraser.erase(what, { ...event, metadata }, true);
      payloads.push({ class: name, days, keys, held: held.length });
    }
    return {
      state: 'done',
      entries: { ...plan, ...(receipt === undefined ? {} : { entry: receipt.index }) },
      payloads,
    };
  }

  function schedule(waitMs: number): void {
    if (closed) return;
    nextMs = now() + waitMs;
    timer = setTimeout(() => {
      void hourly().finally(() => schedule(LIMITS.retainEveryMs));
    }, waitMs);
    timer.unref();
  }

  async function hourly(): Promise<void> {
    try {
      if (!isSet(options.settings())) return;
      const event = { type: 'log.prune', phase: 'point', metadata: { by: 'configuration' } } as const;
      await inTurn(() => carryOut(event));
    } catch (error) {
      if (!closed) options.onWarning(`${asTallyError(error).message}; what is due is tried again in an hour`);
    }
  }

  function state(): RetentionState {
    const failure = recorder.pruner.failure();
    return {
      ...(nextMs === undefined ? {} : { next: new Date(nextMs).toISOString() }),
      ...(failure === undefined ? {} : { failure: failure.message }),
    };
  }

  if (options.background) schedule(LIMITS.retainAfterStartMs);
  return {
    async plan() {
      const configured = options.settings();
      const payloads: DuePayloads[] = [];
      for (const { name, days, ...what } of dueOf(configured, now())) {
        const { keys, held } = await recorder.eraser.find(what);
        payloads.push({ class: name, days, keys: keys.length - held.length, held: held.length });
      }
      return {
        configured,
        entries: await recorder.pruner.plan(await requestOf(configured)),
        payloads,
        holds: [...recorder.registry.current().holds.values()],
        ...state(),
      };
    },
    state,
    async apply(event, waitMs) {
      running ??= inTurn(() => carryOut(event)).finally(() => {
        running = undefined;
      });
      const job = running;
      // Whoever asks again gets the answer.
      job.catch(() => undefined);
      let wait: NodeJS.Timeout | undefined;
      const late = new Promise<RetentionDone>((resolve) => {
        wait = setTimeout(() => resolve({ state: 'running' }), waitMs);
      });
      try {
        return await Promise.race([job, late]);
      } finally {
        clearTimeout(wait);
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
