/**
 * How an event gets its place. It waits until what is queued for the disk has room for it; then, in one turn of the event
 * loop, it is checked against what is known, sequenced and on its way to the disk. Nothing comes after log.close, and
 * nothing after a failure of the log.
 */
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import type { ActionPrint } from '../core/fingerprint.ts';
import { LIMITS } from '../core/limits.ts';
import type { Producer, Receipt, Recorder } from './api.ts';
import type { Committer } from './committer.ts';
import type { IdMemory } from './ids.ts';
import type { Payloads, PreparedPayload } from './payloads.ts';
import type { Sequenced, Sequencer } from './sequencer.ts';

/** Called when an event gets its place. `known`: its id has one already. Throws to refuse it. */
export type Turn = (known: boolean) => void;

type How = Parameters<Recorder['record']>[2];

export interface Intake {
  /** Sequences at once when there is room; otherwise waits for the disk first. Resolves when the entry is durable. */
  record(event: Event, producer: Producer, refuse?: Turn, how?: How): Promise<Receipt>;
  /** Gives an event its place now. Whether it may have one, whoever calls has asked before. */
  sequence(
    event: Event,
    producer: Producer,
    payload?: PreparedPayload,
    print?: ActionPrint,
    unawaited?: boolean,
  ): Sequenced;
  /** Undefined: there is room now, and the caller goes on in its turn. Whoever awaited it has the turn as well. */
  room(): Promise<void> | undefined;
  /** The turn of whoever decides: what is read by the clock is read after a step of it is known. */
  begin(): void;
  /** Nothing comes after log.close, not even what was waiting for the disk when the closing began. */
  refuseWhenClosing(): void;
  refuseWhenDead(): void;
}

export function createIntake(options: {
  readonly ids: IdMemory;
  /** Absent: no payload is kept. */
  readonly payloads: Payloads | undefined;
  readonly sequencer: Sequencer;
  readonly committer: Committer;
  readonly isClosing: () => boolean;
}): Intake {
  const { ids, payloads, sequencer, committer } = options;

  function record(event: Event, producer: Producer, refuse?: Turn, how?: How): Promise<Receipt> {
    if (event.payload === undefined || payloads === undefined)
      return recordWith(event, producer, refuse, how);
    return payloads.carry(event, producer, (payload) => recordWith(event, producer, refuse, how, payload));
  }

  async function recordWith(
    event: Event,
    producer: Producer,
    refuse?: Turn,
    how?: How,
    payload?: PreparedPayload,
  ): Promise<Receipt> {
    if (event.id !== undefined) await ids.ready();
    const wait = room();
    if (wait !== undefined) await wait;
    // From here to `sequence` nothing may wait: two copies of one event must not both find their id unknown.
    const known = event.id === undefined ? undefined : ids.find(event.id);
    refuse?.(known !== undefined);
    const sequenced = known ?? sequence(event, producer, payload, undefined, how?.unawaited);
    how?.placed?.();
    await sequenced.done;
    return sequenced.receipt;
  }

  function room(): Promise<void> | undefined {
    refuseWhenDead();
    return sequencer.queuedBytes() < LIMITS.queuedBytes ? undefined : waitForRoom();
  }

  async function waitForRoom(): Promise<void> {
    do {
      await committer.turn();
      refuseWhenDead();
    } while (sequencer.queuedBytes() >= LIMITS.queuedBytes);
  }

  function sequence(
    event: Event,
    producer: Producer,
    payload?: PreparedPayload,
    print?: ActionPrint,
    unawaited = false,
  ): Sequenced {
    const sequenced = sequencer.sequence(event, producer, payload, print);
    if (event.id !== undefined) ids.remember(sequenced);
    if (unawaited) committer.wakeLater();
    else committer.wake();
    return sequenced;
  }

  function begin(): void {
    refuseWhenClosing();
    sequencer.noteClock();
  }

  function refuseWhenClosing(): void {
    if (!options.isClosing()) return;
    throw new TallyError('LOG_CLOSED', 'the recorder is closing', { hint: 'start it again with `tally up`' });
  }

  function refuseWhenDead(): void {
    const failure = committer.failure();
    if (failure !== undefined) throw failure;
  }

  return { record, sequence, room, begin, refuseWhenClosing, refuseWhenDead };
}
