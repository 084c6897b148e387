/**
 * The writer of one log: decide, redact, sequence, append, recover. The only code that appends.
 *
 * Order of writes and what a crash means at each step: spec/log.md. In short: nothing is acknowledged before fdatasync;
 * tiles, checkpoint and remembered head follow behind; whatever a crash leaves half done is redone or set aside at the
 * next start, and said so in the log.
 */
// reason for length: the one place where the parts of the writer are wired to each other
import { asTallyError, TallyError } from '../core/error.ts';
import { createFingerprint } from '../core/fingerprint.ts';
import { needsOf } from '../core/governance/needs.ts';
import { LIMITS } from '../core/limits.ts';
import { principalOf } from '../core/policy/principal.ts';
import { createRedactor } from '../core/redact/redact.ts';
import { ulidSource } from '../core/ulid.ts';
import { createAct } from './act.ts';
import { findAction } from './actions.ts';
import type { Producer } from './api.ts';
import { createApprovals } from './approvals.ts';
import { createChanges } from './changes.ts';
import { createCheckpointer } from './checkpointer.ts';
import { createCommitter } from './committer.ts';
import { createDurableFeed } from './durable.ts';
import type { Sequence } from './erase.ts';
import { idMemory } from './ids.ts';
import { createInForce } from './in-force.ts';
import { inOrder } from './in-order.ts';
import { createIntake } from './intake.ts';
import { readKeys } from './key-start.ts';
import { createKeys, planKeys } from './keys.ts';
import { createKills } from './kills.ts';
import { createLastly } from './lastly.ts';
import { lateEraser, latePayloads, latePruner } from './late.ts';
import { type RecorderOptions, segmentEntriesOf } from './options.ts';
import { countBySurface, createPending } from './pending.ts';
import type { LocalRecorder } from './recorder.ts';
import { recover } from './recover.ts';
import { loadProjection } from './registry.ts';
import { createSealer } from './sealer.ts';
import { createSequencer } from './sequencer.ts';
import { createSnapshots } from './snapshots.ts';
import { createEndings, startEvents } from './start.ts';

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
  let closing: Promise<void> | undefined;
  const isClosing = (): boolean => closing !== undefined;
  const intake = createIntake({ ids, payloads, sequencer, committer, isClosing });
  const { record, sequence, room, begin, refuseWhenClosing, refuseWhenDead } = intake;
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

  const inForce = createInForce({
    first: options.policy,
    store,
    registry,
    changes,
    idle: committer.idle,
    onWarning: options.onWarning,
  });
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
    inForce: inForce.ever,
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
    policy: inForce.policy,
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
  const lastly = createLastly({
    pending,
    ids,
    sequencer,
    flushNow: committer.flushNow,
    isClosing,
    own: OWN,
  });
  const endings = createEndings({
    pending,
    record,
    graceMs: options.orphanGraceMs,
    onFailure: (error) => committer.fail(asTallyError(error)),
  });

  async function signAll(): Promise<number> {
    await committer.idle();
    const size = await checkpointer.checkpoint();
    refuseWhenDead();
    return size;
  }

  async function announceStart(): Promise<void> {
    await inForce.use(options.policy);
    const events = startEvents(recovered, options, inForce.policy());
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
    policy: inForce.policy,
    identify: (claims) => registry.identify(claims, now(), tenant),
    principal: (identity) => principalOf(inForce.policy().compiled, identity, options.owner),
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
    usePolicy: inForce.use,
    counted: inForce.counted,
    eraser,
    pruner,
    lastly,
    checkpoint: signAll,
    close: (reason) => (closing ??= close(reason)),
  };
}
