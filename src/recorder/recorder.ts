/**
 * The writer of one log: decide, redact, sequence, append, recover. The only code that appends.
 *
 * Order of writes and what a crash means at each step: spec/log.md. In short: nothing is acknowledged before fdatasync;
 * tiles, checkpoint and remembered head follow behind; whatever a crash leaves half done is redone or set aside at the
 * next start, and said so in the log.
 */
// reason for length: the one place where the parts of the writer are wired to each other
import type { Event } from '../core/entry.ts';
import { asTallyError, TallyError } from '../core/error.ts';
import { type ActionPrint, createFingerprint } from '../core/fingerprint.ts';
import { needsOf } from '../core/governance/needs.ts';
import { LIMITS } from '../core/limits.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { principalOf } from '../core/policy/principal.ts';
import { createRedactor } from '../core/redact/redact.ts';
import { ulidSource } from '../core/ulid.ts';
import { createAct } from './act.ts';
import { type FoundAction, findAction } from './actions.ts';
import type { Producer, Receipt, Recorder } from './api.ts';
import { type Approvals, createApprovals } from './approvals.ts';
import { createChanges } from './changes.ts';
import { createCheckpointer } from './checkpointer.ts';
import { createCommitter } from './committer.ts';
import { createDurableFeed, type OnDurable, type Subscription } from './durable.ts';
import type { Eraser, Sequence } from './erase.ts';
import { idMemory } from './ids.ts';
import { inOrder, type Recorded } from './in-order.ts';
import { readKeys } from './key-start.ts';
import { createKeys, planKeys, type Rotated } from './keys.ts';
import { createKills, type Kills } from './kills.ts';
import { createLastly, type Lastly } from './lastly.ts';
import { lateEraser, latePayloads, latePruner } from './late.ts';
import { type RecorderOptions, segmentEntriesOf } from './options.ts';
import type { PreparedPayload } from './payloads.ts';
import { createPending, type OpenAction, type Pending } from './pending.ts';
import type { Pruner } from './prune.ts';
import { recover } from './recover.ts';
import { loadProjection, type RegistryHolder } from './registry.ts';
import { createSealer } from './sealer.ts';
import { createSequencer, type Sequenced } from './sequencer.ts';
import { createSnapshots } from './snapshots.ts';
import { createEndings, startEvents } from './start.ts';

export interface LocalRecorder extends Recorder {
  /** Entries that have their place; `durable` ones are acknowledged. */
  readonly size: () => number;
  readonly signed: () => number;
  readonly openActions: () => number;
  /** The same by the surface that they came in by. */
  readonly openBySource: () => { readonly [surface: string]: number };
  readonly approvals: Approvals;
  readonly kills: Kills;
  /** What became of an action, by the id of its pre_exec; see `findAction`. */
  find(id: string): Promise<FoundAction | undefined>;
  /** One that is open and was not closed as unknown. */
  openAction(id: string): OpenAction | undefined;
  /** Ends an open action whose end nobody will tell, as unknown. One that comes after all is kept, and wins. */
  abandon(id: string, why: string, kind?: string): Promise<void>;
  readonly openOf: Pending['of'];
  readonly failure: () => TallyError | undefined;
  /**
   * Tells of entries once they are durable, beside the acknowledgements and never before them: nobody waits for a
   * listener, and what it throws becomes a warning.
   */
  onDurable(listener: OnDurable): Subscription;
  /** Why an old segment could not be sealed. Recording goes on. */
  readonly sealFailure: () => TallyError | undefined;
  /** Resolves when no segment is left to seal, or to try. */
  sealed(): Promise<void>;
  /** Files that this start set a torn tail aside into. */
  readonly torn: readonly string[];
  readonly registry: RegistryHolder;
  /** Makes `policy` the one in force for the next call. Its snapshot is durable when this resolves. */
  usePolicy(policy: PolicyInForce): Promise<void>;
  /** Resolves when the limits of the policy in force know the calls before it. */
  counted(): Promise<void>;
  /**
   * As `record` for each, in their order, also where payloads take their time; resolves when all are durable. An event
   * that is refused does not keep the others back. Errors: those of `record` that are of the log.
   */
  recordAll(events: readonly Event[], producer: Producer): Promise<readonly Recorded[]>;
  readonly eraser: Eraser;
  readonly pruner: Pruner;
  /** The key that signs now, and why a retired one still lies on this machine. */
  readonly vkey: () => string;
  readonly notErased: () => string | undefined;
  /** `event` says who asked. See `Keys.rotate`. */
  rotateKey(event: Event): Promise<Rotated>;
  /** For the last moment of this process. */
  readonly lastly: Lastly;
  /** Signs everything durable so far; returns the signed size. */
  checkpoint(): Promise<number>;
  /** Ends open actions as unknown, writes log.close, signs. Safe to call twice. */
  close(reason: string): Promise<void>;
}

/** Called when an event gets its place. `known`: its id has one already. Throws to refuse it. */
type Turn = (known: boolean) => void;

type How = Parameters<Recorder['record']>[2];

const OWN: Producer = { surface: 'server', assurance: 'enforced' };

/**
 * Recovers the log in `store` and goes on with it. The caller holds the writer's lock.
 *
 * Errors: `LOG_DAMAGED`, `LOG_ROLLED_BACK` (nothing written then); `LOG_READ_ONLY`, `LOG_FULL`, `LOG_WRITE_FAILED`.
 */
export async function openRecorder(options: RecorderOptions): Promise<LocalRecorder> {
  const { store, now, random, tenant, name } = options;
  const headName = `${name}/checkpoint`;
  const { origin } = options.info;
  const logKeys = await readKeys(options);
  const next = options.keyFiles?.next;
  const head = await options.heads.get(headName);
  const registryName = `${name}.json`;
  const projection = await loadProjection(
    options.registry,
    registryName,
    store,
    needsOf(options.policy.compiled),
  );
  const recovered = await recover(store, { ...logKeys, origin }, head, next?.vkey, projection);
  const plan = planKeys(logKeys, options.signer, next, recovered.rotation);
  const { registry, open: orphans, saved } = await projection.finish(recovered.position.next);

  const ulid = ulidSource(random);
  const recorderId = `rec_${ulid(now())}`;
  const redactor = options.redactor ?? createRedactor();
  const fingerprint = createFingerprint({ masterKey: options.masterKey });
  const pending = createPending();
  const changes = createChanges();
  for (const action of orphans) pending.open(action);
  const ids = idMemory(store, recovered.position.next);
  const { payloads: outside } = options;
  const payloads =
    outside === undefined
      ? undefined
      : await latePayloads({ ...options, ...outside, redactor, ulid, pending }, options.brief !== true);
  const sequencer = createSequencer({
    tenant,
    recorderId,
    recorderVersion: options.version,
    redactor,
    fingerprint,
    ulid,
    now,
    ...(options.monotonic === undefined ? {} : { monotonic: options.monotonic }),
    segmentEntries: segmentEntriesOf(options),
    position: recovered.position,
    pending,
    packEnds: new Map((await outside?.packs.packs())?.map(({ first, bytes }) => [first, bytes])),
    observe(entry) {
      registry.apply(entry);
      changes.seen(entry);
    },
  });
  const feed = createDurableFeed(recovered.position.next, (text) => options.onWarning?.(text));
  const committer = createCommitter(store, outside?.packs, sequencer, (batch) => {
    checkpointer.integrate(batch.leaves(), batch.segment);
    sealer.entered(batch.segment);
    feed.committed(batch);
  });
  const snapshots = createSnapshots({
    saved,
    size: () => sequencer.position.next,
    registry,
    pending,
    put: (bytes) => options.registry.put(registryName, bytes),
    onWarning: options.onWarning,
  });
  const sealer = createSealer({
    store,
    plain: recovered.plain,
    signed: recovered.signed,
    onFailure: ({ message }) => options.onWarning?.(`${message}; recording goes on, it is tried again later`),
  });
  const checkpointer = createCheckpointer({
    origin,
    signer: plan.signer,
    store,
    tree: recovered.tree,
    tiles: recovered.tiles,
    unsaved: recovered.unsaved,
    base: recovered.base,
    segment: recovered.position.segment,
    signed: recovered.signed,
    ...(options.brief === true ? { idleMs: LIMITS.checkpointMs } : {}),
    rememberHead: (note) => options.heads.put(headName, note),
    onSigned(size) {
      sealer.signed(size);
      snapshots.signed(size);
    },
    onFailure: committer.fail,
    dead: () => committer.failure() !== undefined,
  });

  const keys = createKeys({
    places: options,
    info: options.info,
    plan,
    files: options.keyFiles,
    redactor,
    checkpointer,
    refuse() {
      refuseWhenClosing();
      refuseWhenDead();
    },
    sequence,
    fail: committer.fail,
  });

  let inForce = options.policy;
  let counted: Promise<void> = Promise.resolve();
  const everInForce = new Set<string>();
  const retained: Sequence = (event, producer) => {
    refuseWhenDead();
    return sequence(event, producer);
  };
  const pruner = latePruner({
    store,
    outside,
    payloads,
    registry,
    pending,
    sealer,
    vkey: keys.vkey,
    now,
    checkpoint: signAll,
    isPlain: (text) => redactor.redactText(text).count === 0,
    inForce: everInForce,
    sequence: retained,
    onWarning: options.onWarning,
  });
  const eraser = lateEraser({
    store,
    keys: outside?.keys,
    payloads,
    registry,
    masterKey: options.masterKey,
    sequence(event, producer) {
      refuseWhenClosing();
      return retained(event, producer);
    },
    onWarning: options.onWarning,
  });
  const { act, decide } = createAct({
    tenant,
    fingerprint,
    governance: () => registry.governance,
    policy: () => inForce,
    owner: options.owner,
    allowObserve: options.allowObserve,
    now,
    payloads,
    room,
    begin,
    sequence,
    own: OWN,
    asked: () => approvals.watch(),
    redactor,
  });
  const approvals = createApprovals({
    governance: () => registry.governance,
    now,
    room,
    begin,
    sequence: (event, producer, print) => sequence(event, producer, undefined, print),
    own: OWN,
    reader: store,
    onFailure: (error) => committer.fail(asTallyError(error)),
  });
  const kills = createKills(() => registry.governance.kill);
  let closing: Promise<void> | undefined;
  const lastly = createLastly({
    pending,
    ids,
    sequencer,
    flushNow: committer.flushNow,
    isClosing: () => closing !== undefined,
    own: OWN,
  });
  const endings = createEndings({
    pending,
    record: (event, producer) => record(event, producer),
    graceMs: options.orphanGraceMs,
    onFailure: (error) => committer.fail(asTallyError(error)),
  });

  /** Sequences at once when there is room; otherwise waits for the disk first. */
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

  /** The turn of whoever decides: what is read by the clock is read after a step of it is known. */
  function begin(): void {
    refuseWhenClosing();
    sequencer.noteClock();
  }

  /** Undefined: there is room now, and the caller goes on in its turn. Whoever awaited it has the turn as well. */
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

  /** Nothing comes after log.close, not even what was waiting for the disk when the closing began. */
  function refuseWhenClosing(): void {
    if (closing === undefined) return;
    throw new TallyError('LOG_CLOSED', 'the recorder is closing', { hint: 'start it again with `tally up`' });
  }

  function refuseWhenDead(): void {
    const failure = committer.failure();
    if (failure !== undefined) throw failure;
  }

  async function usePolicy(policy: PolicyInForce): Promise<void> {
    everInForce.add(policy.hash);
    const file = `policies/${policy.hash}.json`;
    if ((await store.objects.get(file)) === undefined) await store.objects.put(file, policy.snapshot);
    inForce = policy;
    counted = registry.keep(needsOf(policy.compiled), committer.idle);
    counted.catch((error: unknown) => {
      const { message } = asTallyError(error);
      options.onWarning?.(`${message}; limits count the calls from now on only, until the next start`);
    });
    changes.policy();
  }

  async function signAll(): Promise<number> {
    await committer.idle();
    const size = await checkpointer.checkpoint();
    refuseWhenDead();
    return size;
  }

  async function announceStart(): Promise<void> {
    await usePolicy(options.policy);
    const events = startEvents(recovered, options, inForce);
    // Nothing but its start to tell: that goes to the disk together with what it was opened for.
    if (options.brief === true && events.length === 1)
      for (const event of events) sequencer.sequence(event, OWN);
    else for (const event of events) await record(event, OWN);
    await endings.orphans(orphans);
    await approvals.expire();
  }

  /** After it nothing goes on by itself: the caller may give the lock back. */
  async function stop(): Promise<void> {
    endings.stop();
    approvals.stop();
    feed.flush();
    await pruner.stop();
    await eraser.stop();
    await sealer.stop();
    await checkpointer.stop();
    await snapshots.idle();
    await payloads?.close();
    await store.close();
  }

  async function close(reason: string): Promise<void> {
    endings.stop();
    approvals.stop();
    // What they have begun, the next start goes on with.
    await pruner.stop();
    await eraser.stop();
    try {
      if (committer.failure() === undefined) {
        await endings.all('the recorder was closed before the action ended');
        await record({ type: 'log.close', phase: 'point', metadata: { reason } }, OWN);
        await committer.idle();
        await checkpointer.checkpoint();
        await snapshots.save();
      }
    } finally {
      await stop();
    }
    const failure = committer.failure();
    committer.fail(
      new TallyError('LOG_CLOSED', 'the recorder is closed', { hint: 'start it again with `tally up`' }),
    );
    if (failure !== undefined) throw failure;
  }

  try {
    await keys.start();
    await announceStart();
    void pruner.resume();
    void eraser.resume();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    tenant,
    origin,
    vkey: keys.vkey,
    notErased: keys.notErased,
    rotateKey: keys.rotate,
    recorderId,
    registry,
    record: (event, producer, how) => record(event, producer, refuseWhenClosing, how),
    recordAll: (events, producer) =>
      inOrder(events, (event, turn) =>
        record(event, producer, (known) => {
          refuseWhenClosing();
          turn(known);
        }),
      ),
    policy: () => inForce,
    identify: (claims) => registry.identify(claims, now(), tenant),
    principal: (identity) => principalOf(inForce.compiled, identity, options.owner),
    runPid: (runId) => registry.current().runs.get(runId)?.pid,
    decide,
    act,
    approvals,
    kills,
    waitForApproval: approvals.wait,
    onKill: kills.onSwitch,
    onChange: changes.listen,
    secrets: { set: redactor.setSecret, delete: redactor.deleteSecret },
    now,
    size: () => sequencer.position.next,
    signed: checkpointer.signed,
    openActions: () => pending.list().length,
    openBySource: () => countBySurface(pending.list()),
    abandon: endings.one,
    openOf: pending.of,
    openAction(id) {
      const { action, late } = pending.find(id);
      return late ? undefined : action;
    },
    find: (id) => findAction(id, { pending, ids, reader: store, size: () => sequencer.position.next }),
    failure: committer.failure,
    onDurable: feed.subscribe,
    sealFailure: sealer.failure,
    sealed: sealer.idle,
    torn: recovered.torn?.files.map(({ name: file }) => file) ?? [],
    usePolicy,
    counted: () => counted,
    eraser,
    pruner,
    lastly,
    checkpoint: signAll,
    close: (reason) => (closing ??= close(reason)),
  };
}

function countBySurface(actions: readonly { readonly surface: string }[]): {
  readonly [surface: string]: number;
} {
  const counts: Record<string, number> = {};
  for (const { surface } of actions) counts[surface] = (counts[surface] ?? 0) + 1;
  return counts;
}
