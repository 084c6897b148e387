/**
 * Follows the log of a running recorder with the alert engine: reads what is durable, has written what comes of it, and
 * hands messages on. It runs in a thread of its own (`worker.ts`). Nothing waits for it, and nothing is queued for it: it
 * reads the log at its own pace, and what it has not read yet is in the log.
 *
 * After a start it first catches up. What it derives meanwhile may have been raised before; the log says so further on.
 * So nothing is written before the end of the log is reached, and what the log holds by then is not written again.
 */
import type { Action } from '../../core/alert/action.ts';
import { DEFAULT_RULES } from '../../core/alert/defaults.ts';
import { type AlertEngine, createAlertEngine } from '../../core/alert/engine.ts';
import { eventOf, type Raised } from '../../core/alert/event.ts';
import { createAlertFold } from '../../core/alert/fold.ts';
import type { Signal } from '../../core/alert/kinds/kind.ts';
import type { AlertRule } from '../../core/alert/rule.ts';
import type { Event } from '../../core/entry.ts';
import { TallyError } from '../../core/error.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, LogReader, ObjectStore } from '../../core/ports.ts';
import { numberAt } from '../../core/query/fields.ts';
import { parseLine } from '../../core/query/line.ts';
import type { Message } from '../../sink/driver.ts';
import { type Cursor, engineOf, loadCursor, saveCursor } from './cursor.ts';
import { type LogLine, type LogPlace, logLines } from './lines.ts';
import { policyNamed, rulesOf } from './rules.ts';

const BEGINNING: LogPlace = { first: 0, offset: 0, index: 0 };
const MARKED = Buffer.from('"type":"log.open"');

export interface FollowerHost {
  readonly reader: LogReader;
  /** `alerts/<log>/` of the state directory. */
  readonly objects: ObjectStore;
  /** Name of the log. */
  readonly origin: string;
  /** Entries that are durable now. */
  durable(): number;
  /** Resolved: durable. Throws `RecorderEnded` when nothing can be recorded any more. */
  record(event: Event): Promise<void>;
  /** Messages in the order of the log, and the index that was reached with them. Resolved: they will be delivered. */
  take(messages: readonly Message[], reached: number): Promise<void>;
  /** One message beside that order. */
  send(message: Message): Promise<void>;
  /** The outbox was not there: nobody knows what was delivered. */
  readonly resend: boolean;
  readonly now: Clock;
  /** Told of every alert that is written from here on. */
  onAlert(message: Message): void;
  /** After each turn in which something may have changed. */
  onTurn(): void;
  onWarning(line: string): void;
}

/** The recorder says itself why; what was derived and not written is derived again by the next start. */
export class RecorderEnded extends Error {}

export interface Follower {
  start(): void;
  signal(signal: Signal): void;
  /** Another list whenever they change. */
  rules(): readonly AlertRule[];
  open(): readonly Raised[];
  /** How often `open` may have become another. */
  changes(): number;
  /** Entries below were looked at. */
  looked(): number;
  /** When the log was last verified; the time of the first start when it never was. */
  verified(at?: number): number;
  /** Resolved: what is known is saved. */
  close(): Promise<void>;
}

export async function createFollower(host: FollowerHost): Promise<Follower> {
  const { reader, objects, origin } = host;
  const stored = await loadCursor(objects, reader);
  const known = stored === undefined ? undefined : engineOf(stored);
  const cursor = known === undefined ? undefined : stored;
  const engine: AlertEngine = known ?? createAlertEngine(DEFAULT_RULES);
  const fold = createAlertFold(cursor?.open);
  let rules: readonly AlertRule[] = cursor?.engine.rules ?? DEFAULT_RULES;
  let place: LogPlace = cursor?.place ?? BEGINNING;
  let last = cursor?.last;
  let begun = cursor !== undefined;
  let verified = cursor?.verified ?? host.now();
  let signals: Signal[] = [];
  /** Up to here the log may already hold what is derived. */
  const target = host.durable();
  let caughtUp = false;
  const held = new Map<string, Action>();
  // What is taken out of these was written, or is kept by somebody else: a failure in between loses nothing.
  const actions: Action[] = [];
  let messages: Message[] = [];
  /** Entries below were seen by the engine, also when what came of them could not be written yet. */
  let looked = place.index;
  let changes = 0;
  let unsaved = cursor === undefined;
  let stopped = false;
  let running: Promise<void> | undefined;
  let saved = { index: place.index, at: performance.now() };

  async function write(action: Action): Promise<void> {
    try {
      await host.record(eventOf(action));
    } catch (error) {
      if (error instanceof RecorderEnded) throw error;
      const why = error instanceof Error ? error.message : String(error);
      host.onWarning(`an alert of the rule ${action.rule} cannot be recorded: ${why}`);
    }
  }

  const holdKey = (action: Action): string =>
    action.do === 'raise' ? `raise ${action.id}` : `close ${action.alert}`;

  async function settle(): Promise<void> {
    actions.push(...engine.take());
    for (let action = actions[0]; action !== undefined; action = actions[0]) {
      if (caughtUp) await write(action);
      else held.set(holdKey(action), action);
      actions.shift();
    }
    while (held.size > LIMITS.heldAlerts) {
      // Written early; the recorder knows it by its id when it is there already.
      const [oldest] = held;
      if (oldest === undefined) break;
      await write(oldest[1]);
      held.delete(oldest[0]);
    }
  }

  async function look({ line, index }: LogLine): Promise<void> {
    if (index < looked) return;
    if (!begun && !line.includes(MARKED)) return;
    const parsed = parseLine(line);
    if (!('entry' in parsed)) return;
    const { entry } = parsed;
    if (!begun && numberAt(entry, 'metadata', 'alerts') === undefined) return;
    begun = true;
    const hash = policyNamed(entry);
    if (hash !== undefined) {
      const next = await rulesOf(reader, hash, { mayCome: index >= target, onWarning: host.onWarning });
      if (next !== undefined) {
        rules = next;
        engine.useRules(next);
      }
    }
    looked = index + 1;
    engine.see(entry, index);
    const about = fold.see(entry);
    if (about !== undefined && !('unclear' in about)) {
      changes++;
      held.delete('raised' in about ? `raise ${about.raised.id}` : `close ${about.closed.alert}`);
      if ('raised' in about && about.raised.test) return;
      const { id, ts } = 'raised' in about ? about.raised : about.closed;
      const message: Message = { id, index, ts, log: origin, about };
      messages.push(message);
      if (index >= target) host.onAlert(message);
    }
  }

  async function handOn(): Promise<void> {
    if (messages.length > 0) await host.take(messages, place.index);
    messages = [];
  }

  /** Looks at all that is durable. */
  async function readOn(): Promise<void> {
    const from = place.index;
    const upTo = host.durable();
    for await (const portion of logLines(reader, place, upTo)) {
      for (const line of portion) await look(line);
      const end = portion.at(-1);
      if (end === undefined) continue;
      const before = portion.length > 1 ? portion.at(-2)?.after : place;
      last = { place: before ?? place, sha256: sha256Hex(end.line) };
      place = end.after;
      await settle();
      await handOn();
      if (stopped) return;
      // What was asked of this thread meanwhile has its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (place.index === from && !stopped)
      throw new TallyError('LOG_DAMAGED', `the log does not have entry ${from} where it belongs`, {
        hint: 'tally verify shows what happened to it',
      });
  }

  async function end(): Promise<void> {
    if (caughtUp || place.index < target) return;
    for (const [key, action] of held) {
      await write(action);
      held.delete(key);
    }
    caughtUp = true;
    if (host.resend) {
      const lost = fold.open().filter(({ index }) => index < target);
      for (const raised of lost)
        await host.send({
          id: raised.id,
          index: raised.index,
          ts: raised.ts,
          log: origin,
          about: { raised },
        });
    }
  }

  async function turn(): Promise<void> {
    // What could not be kept the last time waits for no further entry.
    await handOn();
    if (place.index < host.durable()) await readOn();
    await end();
    if (!caughtUp) return;
    if (place.index >= host.durable()) engine.tick(host.now() - LIMITS.alertLagMs);
    for (const signal of signals.splice(0)) engine.signal(signal);
    await settle();
    // The first time at once: who asks without a recorder begins here, and reads no whole log.
    const due = unsaved || performance.now() - saved.at > LIMITS.alertSaveMs;
    if (due && (unsaved || place.index > saved.index)) await save();
  }

  async function save(): Promise<void> {
    // What was derived and is neither written nor kept is derived again by the next start.
    if (last === undefined || !caughtUp || actions.length > 0 || messages.length > 0) return;
    saved = { index: place.index, at: performance.now() };
    unsaved = false;
    const state: Cursor = { place, last, engine: engine.save(), open: fold.open(), verified };
    await saveCursor(objects, state);
  }

  async function run(): Promise<void> {
    let told = '';
    while (!stopped) {
      try {
        await turn();
        told = '';
      } catch (error) {
        if (stopped || error instanceof RecorderEnded) return;
        const why = error instanceof Error ? error.message : String(error);
        if (why !== told) host.onWarning(`alerts stand still at entry ${place.index}: ${why}; tried again`);
        told = why;
        await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
      }
      host.onTurn();
      await new Promise((resolve) => setTimeout(resolve, LIMITS.alertTurnMs));
    }
  }

  return {
    start() {
      running ??= run();
    },
    signal: (signal) => void signals.push(signal),
    rules: () => rules,
    open: fold.open,
    changes: () => changes,
    looked: () => place.index,
    verified(at) {
      if (at !== undefined) verified = at;
      return verified;
    },
    async close() {
      stopped = true;
      await running;
      signals = [];
      await save().catch((error: unknown) =>
        host.onWarning(
          `what the alert rules know was not saved: ${error instanceof Error ? error.message : String(error)}`,
        ),
      );
    },
  };
}

const AFTER_FAILURE_MS = 1_000;
