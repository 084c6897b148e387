/**
 * Gives each event its place: index, prev, final bytes, leaf hash. Synchronous from the first check to the last byte,
 * so the order of calls is the order of entries, and nothing that is refused ever takes an index.
 */
import { quickCheck } from '../core/check.ts';
import { ENTRY_VERSION, type Entry, type Event, EventSchema } from '../core/entry.ts';
import { invariant, TallyError } from '../core/error.ts';
import type { ActionPrint, Fingerprint } from '../core/fingerprint.ts';
import { LIMITS } from '../core/limits.ts';
import type { Redactor } from '../core/redact/redact.ts';
import type { Producer, Receipt } from './api.ts';
import { type Batch, createBatch } from './batch.ts';
import { checkParts } from './entry-bounds.ts';
import { toOpenAction } from './orphans.ts';
import { createPackPlaces } from './pack-places.ts';
import type { PreparedPayload } from './payloads.ts';
import type { OpenAction, Pending } from './pending.ts';

/** Where the log stands. Only the sequencer changes it. */
export interface Position {
  /** Index of the next entry = number of entries sequenced so far. */
  next: number;
  /** Base64 leaf hash of the entry before it. */
  prev: string;
  /** Time of the last entry, ms. */
  lastMs: number;
  /** First index of the open segment. */
  segment: number;
  /** Time of the first entry of the open segment, ms. */
  segmentMs: number;
  /** Policy snapshots already announced in the open segment. */
  readonly announced: Set<string>;
}

export interface SequencerOptions {
  readonly tenant: string;
  readonly recorderId: string;
  readonly recorderVersion: string;
  readonly redactor: Redactor;
  readonly fingerprint: Fingerprint;
  readonly ulid: (nowMs: number) => string;
  readonly now: () => number;
  /** Milliseconds that only go forward, whoever sets the clock. Without it steps of the clock go unnoticed. */
  readonly monotonic?: () => number;
  /** Entries of a full segment, a multiple of 256. */
  readonly segmentEntries: number;
  readonly position: Position;
  readonly pending: Pending;
  /** Where the pack of each segment ends, by the segment's first index. Absent: there is none yet. Only the sequencer changes it. */
  readonly packEnds: Map<number, number>;
  /** Told of every entry as it gets its place, before it is durable. */
  readonly observe: (entry: Entry) => void;
}

export interface Sequenced {
  readonly receipt: Receipt;
  /** Settles when the entry is durable. */
  readonly done: Promise<void>;
}

export interface Sequencer {
  /**
   * `print`: the hashes of its action, for whoever needed them before; they are not taken again then. Throws `BAD_EVENT`
   * or `ENTRY_TOO_LARGE`; nothing is sequenced then.
   */
  sequence(event: Event, producer: Producer, payload?: PreparedPayload, print?: ActionPrint): Sequenced;
  /** Puts a step of the clock on record, if there was one, in front of what is read by the clock next. */
  noteClock(): void;
  /** Hands over everything sequenced since the last call, in order. */
  take(): Batch[];
  readonly queuedBytes: () => number;
  readonly position: Readonly<Position>;
}

const DAY_MS = 86_400_000;
const SEGMENT_AGE_MS = 7 * DAY_MS;
/** Digits of the largest index; an entry's size is checked as if its index had all of them. */
const INDEX_DIGITS = 16;
const INTERNAL: Producer = { surface: 'server', assurance: 'enforced' };

export function createSequencer(options: SequencerOptions): Sequencer {
  const { position, pending, redactor, fingerprint } = options;
  const places = createPackPlaces(position, options.packEnds);
  let seq = 0;
  let batches: Batch[] = [];
  let queued = 0;
  let clocks: { readonly nowMs: number; readonly monotonicMs: number } | undefined;
  let isoMs = Number.NaN;
  let iso = '';

  function timestamp(ms: number): string {
    if (ms !== isoMs) {
      isoMs = ms;
      iso = new Date(ms).toISOString();
    }
    return iso;
  }

  function startSegmentIfDue(nowMs: number): void {
    const held = position.next - position.segment;
    const old =
      held > 0 && position.next % LIMITS.tileWidth === 0 && nowMs - position.segmentMs >= SEGMENT_AGE_MS;
    if (held < options.segmentEntries && !old) return;
    position.segment = position.next;
    position.announced.clear();
  }

  function batch(): Batch {
    const last = batches.at(-1);
    if (
      last !== undefined &&
      last.segment === position.segment &&
      last.count() < LIMITS.batchEntries &&
      last.size() < LIMITS.batchBytes
    ) {
      return last;
    }
    const fresh = createBatch(position.segment, position.next);
    batches.push(fresh);
    return fresh;
  }

  /**
   * Times of entries say no more than the clock did. Where it was set while this recorder ran, an entry in front of the
   * first one with the new time says from what to what; a machine that slept looks the same.
   */
  function noteClockStep(nowMs: number): void {
    const monotonicMs = options.monotonic?.();
    if (monotonicMs === undefined) return;
    const before = clocks ?? { nowMs, monotonicMs };
    clocks = { nowMs, monotonicMs };
    const expectedMs = before.nowMs + (monotonicMs - before.monotonicMs);
    const stepMs = Math.round(nowMs - expectedMs);
    if (Math.abs(stepMs) <= LIMITS.clockStepMs) return;
    const metadata = {
      from: new Date(Math.round(expectedMs)).toISOString(),
      to: new Date(nowMs).toISOString(),
      step_ms: stepMs,
    };
    append({ type: 'clock.step', phase: 'point', metadata }, INTERNAL);
  }

  /**
   * Arguments are hashed before redaction: two card numbers must give two hashes. They go no further than this, and a
   * hash that an event brings along is dropped: nobody checked it.
   */
  function hashAction(event: Event, print: ActionPrint | undefined): Entry['action'] {
    if (event.action === undefined) return undefined;
    const { args, args_note, key: _key, args_hash: _hash, args_hash_alg: _alg, ...action } = event.action;
    return { ...action, ...(print ?? fingerprint.action(options.tenant, action, args, args_note)) };
  }

  function append(
    event: Event,
    producer: Producer,
    prepared?: PreparedPayload,
    print?: ActionPrint,
  ): Sequenced {
    const nowMs = options.now();
    noteClockStep(nowMs);
    startSegmentIfDue(nowMs);
    const snapshot = event.decision?.snapshot;
    while (snapshot !== undefined && !position.announced.has(snapshot.hash)) {
      announce(snapshot.hash, event);
      // The announcement may have filled its segment; then the next one needs an announcement of its own.
      startSegmentIfDue(nowMs);
    }

    const live = producer.imported !== true;
    const ended =
      live && event.phase === 'post_exec' && event.parent_id !== undefined
        ? pending.find(event.parent_id)
        : undefined;
    if (
      ended?.action !== undefined &&
      producer.assurance === 'self_reported' &&
      isOthers(ended.action, event)
    ) {
      throw new TallyError(
        'BAD_EVENT',
        'this action belongs to the broker, the API or a guard, which says itself how it ended',
        {
          hint: 'report the ends of your own actions only; nothing was recorded for this event',
        },
      );
    }
    const receiptId = event.id ?? `log_${options.ulid(nowMs)}`;
    const entry: Entry = {
      ...ended?.action?.repeats,
      ...event,
      v: ENTRY_VERSION,
      id: receiptId,
      index: position.next,
      prev: position.prev,
      ts: timestamp(nowMs),
      tenant_id: options.tenant,
      action: hashAction(event, print) ?? (ended?.action?.repeats.action as Entry['action']),
      source: {
        surface: producer.surface,
        assurance: producer.assurance,
        recorder_id: options.recorderId,
        recorder_version: options.recorderVersion,
        seq,
      },
    };
    if (nowMs < position.lastMs) entry.clock = 'back';
    const brought = event.payload === undefined ? undefined : places.bring(entry, prepared);
    if (ended?.late === true && entry.outcome !== undefined) entry.outcome = { ...entry.outcome, late: true };
    if (entry.step_id === undefined && entry.action !== undefined) entry.step_id = `step_${seq}`;

    const bytes = redactor.redactEntry(entry);
    const target = batch();
    const before = target.size();
    const spare = INDEX_DIGITS - String(position.next).length;
    checkParts(entry, bytes.length);
    const hash = target.add(bytes, LIMITS.entryBytes - spare);
    if (hash === undefined) {
      throw new TallyError('ENTRY_TOO_LARGE', `the entry is larger than ${LIMITS.entryBytes} bytes`, {
        hint: 'put large arguments and results into the payload, not into metadata; nothing was recorded for this event',
      });
    }
    if (brought?.blob !== undefined) places.take(target, brought.blob);
    queued += target.size() - before;
    if (position.next === position.segment) position.segmentMs = nowMs;
    position.next++;
    position.prev = hash;
    position.lastMs = nowMs;
    seq++;
    if (ended !== undefined) pending.close(event.parent_id ?? '');
    if (live && entry.phase === 'pre_exec') pending.open(toOpenAction(entry));
    options.observe(entry);
    return { receipt: { id: receiptId, index: entry.index, ts: entry.ts }, done: target.done };
  }

  /** A reader of one segment finds every snapshot that its decisions cite announced in it, before its first use. */
  function announce(hash: string, first: Event): void {
    position.announced.add(hash);
    const policy = first.decision?.policy;
    append(
      {
        type: 'policy.snapshot',
        phase: 'point',
        metadata: { hash, ...(policy === undefined ? {} : { policy }) },
      },
      INTERNAL,
    );
  }

  return {
    position,
    queuedBytes: () => queued,
    take() {
      const taken = batches;
      batches = [];
      queued = 0;
      return taken;
    },
    noteClock: () => noteClockStep(options.now()),
    sequence(event, producer, payload, print) {
      try {
        return append(checked(event), producer, payload, print);
      } catch (error) {
        throw withoutSecrets(error, redactor);
      }
    },
  };
}

const isEvent = quickCheck(EventSchema);

function checked(event: Event): Event {
  if (isEvent(event)) return event;
  const parsed = EventSchema.safeParse(event);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  invariant(issue !== undefined, 'zod reports at least one issue');
  throw new TallyError('BAD_EVENT', `not an event: ${issue.path.join('.') || 'event'}: ${issue.message}`, {
    hint: 'spec/entry.md lists the fields and their types; nothing was recorded',
  });
}

/** A refusal names the member that is wrong, and the name of a member can be a secret's value too. */
function withoutSecrets(error: unknown, redactor: Redactor): unknown {
  if (!(error instanceof TallyError)) return error;
  const { value, count } = redactor.redactText(error.message);
  if (count === 0) return error;
  return new TallyError(error.code, value, error.hint === undefined ? {} : { hint: error.hint });
}

/**
 * The API of decisions knows who asked for one, and takes its end from nobody else; clients cannot write its type. What
 * was enforced is ended by whoever enforced it.
 */
function isOthers({ surface, assurance, type }: OpenAction, event: Event): boolean {
  return surface === 'proxy' || assurance === 'enforced' || (type === 'decision.made' && event.type !== type);
}
