/**
 * Prunes a log: removes whole segments from its front, with their payloads, data keys and the policy snapshots that
 * nothing cites any more. The hash tiles stay, so every proof of every entry still verifies.
 *
 * 1 what goes is read, and is what was signed   2 what must outlive it is stored as one object, durable   3 `log.prune`
 * names both, durable   4 a signed checkpoint covers it   5 segments, lowest first   6 packs   7 data keys   8 snapshots,
 * and the objects of earlier prunes   9 `log.prune` says that it is done
 *
 * Crash before 4: nothing was removed, and the next start says that nothing will be: an entry that no signature covers
 * may be anybody's. After 4: the next start goes on at 5. Each step can be repeated.
 */
import { encodeHex } from '../core/bytes.ts';
import type { Event } from '../core/entry.ts';
import { asTallyError, isTallyError, type TallyError } from '../core/error.ts';
import { emptyGovernance } from '../core/governance/state.ts';
import { emptyRegistry } from '../core/identity/registry.ts';
import { parseRegistry, type Saved } from '../core/identity/saved.ts';
import type { LogReader, LogStore } from '../core/ports.ts';
import { type Carried, carriedName, parseCarried } from '../core/retention/carried.ts';
import { encodeCarried } from '../core/retention/carry.ts';
import { holdText } from '../core/retention/hold.ts';
import type { PrunePlan } from '../core/retention/plan.ts';
import { foldPrunes, LOG_PRUNE, type PruneBegun } from '../core/retention/prune-entry.ts';
import { openCheckpoint } from '../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../core/tlog/key.ts';
import type { Producer, Receipt } from './api.ts';
import type { PayloadOptions, Payloads } from './payloads.ts';
import type { Pending } from './pending.ts';
import { announcedSnapshots, collect, stillCited } from './prune-collect.ts';
import { type PruneRequest, planOf } from './prune-plan.ts';
import { cameMeanwhile, carriedLost, checkpointGone, closing, unreadable } from './prune-refusals.ts';
import { tileReader } from './recover.ts';
import type { RegistryHolder } from './registry.ts';
import type { Sealer } from './sealer.ts';
import type { Sequenced } from './sequencer.ts';
import { createTurns } from './turns.ts';

export interface Pruned {
  readonly plan: PrunePlan;
  /** The `log.prune` entry; absent when there was nothing to remove. */
  readonly receipt?: Receipt;
  readonly keys: number;
  readonly snapshots: number;
}

export interface Pruner {
  plan(request: PruneRequest): Promise<PrunePlan>;
  /** `event` says who asked and why. One at a time. Errors before the entry leave everything as it was. */
  prune(request: PruneRequest, event: Event): Promise<Pruned>;
  /** Goes on with what a crash cut short. */
  resume(): Promise<void>;
  /** What is being removed right now. */
  removing(): PruneBegun | undefined;
  /** Why the last one was not finished; the next start or run goes on with it. */
  failure(): TallyError | undefined;
  stop(): Promise<void>;
}

const OWN: Producer = { surface: 'server', assurance: 'enforced' };

export interface PrunerOptions {
  readonly store: LogStore;
  readonly outside: PayloadOptions | undefined;
  readonly payloads: Pick<Payloads, 'retire'> | undefined;
  readonly registry: RegistryHolder;
  readonly pending: Pick<Pending, 'list'>;
  readonly sealer: Pick<Sealer, 'beside'>;
  readonly vkey: () => string;
  readonly now: () => number;
  /** Signs everything durable so far. */
  readonly checkpoint: () => Promise<number>;
  /** Whether redaction would leave the text as it is. */
  readonly isPlain: (text: string) => boolean;
  /** Policies that were in force since the start: their snapshots may be cited again at any moment. */
  readonly inForce: ReadonlySet<string>;
  /** Places an event at once. Throws when the writer is dead or closing. */
  readonly sequence: (event: Event, producer: Producer) => Sequenced;
  readonly onWarning: ((text: string) => void) | undefined;
}

export function createPruner(options: PrunerOptions): Pruner {
  const { store, outside, registry } = options;
  const tiles = tileReader(store);
  /** Reading ends when the recorder does: nothing was removed by then. */
  const log: LogReader = {
    ...store,
    async *read(first, offset, onDamage) {
      for await (const block of store.read(first, offset, onDamage)) {
        if (stopping) throw closing();
        yield block;
      }
    },
  };
  const inTurn = createTurns();
  let removing: PruneBegun | undefined;
  let failure: TallyError | undefined;
  let stopping = false;

  const latest = () => foldPrunes(registry.current().prunes).state(Number.POSITIVE_INFINITY);

  const plan = (request: PruneRequest): Promise<PrunePlan> =>
    planOf(request, {
      log,
      packs: outside?.packs,
      keys: outside?.keys,
      holds: [...registry.current().holds.values()],
      open: options.pending.list().map(({ index }) => index),
      signed: async () => (await signedCheckpoint()).size,
      nowMs: options.now(),
    });

  async function signedCheckpoint() {
    const note = await store.objects.get('checkpoint');
    if (note === undefined) throw checkpointGone();
    return openCheckpoint(note, [verifierFromVkey(options.vkey())]);
  }

  /** What is carried now: by the last prune, or nothing. */
  async function carriedBefore(): Promise<{
    readonly registry: Saved;
    readonly entries: Carried['entries'];
  }> {
    const { last } = latest();
    const { needs } = registry.governance.windows;
    if (last === undefined) {
      const nothing = { state: emptyRegistry(), open: [], governance: emptyGovernance(needs) };
      return { registry: nothing, entries: [] };
    }
    const { registry: text, entries } = await requireCarried(last);
    const saved = parseRegistry(text, { carried: true });
    if (saved === undefined) throw carriedLost(last);
    saved.governance.windows.needs = needs;
    return { registry: saved, entries };
  }

  async function requireCarried(note: PruneBegun): Promise<Carried> {
    const carried = parseCarried(await store.objects.get(carriedName(note.carried)), note.carried);
    if (carried === undefined) throw carriedLost(note);
    return carried;
  }

  async function begin(
    request: PruneRequest,
    event: Event,
  ): Promise<Pruned & { readonly carried?: Carried }> {
    if (stopping) throw closing();
    await options.checkpoint();
    const planned = await plan(request);
    if (planned.from === planned.to) return { plan: planned, keys: 0, snapshots: 0 };
    const { from, to } = planned;
    const before = await carriedBefore();
    const checkpoint = await signedCheckpoint();
    const collected = await collect(log, { from, to, checkpoint, tiles }, before);
    // From here on none of them seals anything: what cites them is on the disk.
    await options.payloads?.retire(collected.keys);
    const cited = await stillCited(log, collected.keys, to);
    const announced = await announcedSnapshots(log, to);
    const snapshots = (await store.objects.list('policies/'))
      .flatMap((name) => /^policies\/([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? [])
      .filter((hash) => !announced.has(hash) && !options.inForce.has(hash));
    const carried: Carried = {
      from,
      to,
      keys: [...collected.keys].filter((key) => !cited.has(key)).sort(),
      snapshots,
      objects: (await store.objects.list('pruned/')).filter((name) => name.endsWith('.json')),
      registry: collected.registry,
      entries: collected.entries,
    };
    const { bytes, sha256 } = encodeCarried(carried);
    if (!options.isPlain(sha256)) throw unreadable();
    await store.objects.put(carriedName(sha256), bytes);
    const root = encodeHex(collected.root);
    const metadata = {
      ...event.metadata,
      from,
      to,
      entries: to - from,
      segments: planned.segments,
      bytes: planned.bytes,
      pack_bytes: planned.pack_bytes,
      keys: carried.keys.length,
      snapshots: snapshots.length,
      carried: sha256,
      ...(options.isPlain(root) ? { root } : {}),
      rule: Object.fromEntries(Object.entries(request.rule).filter(([, value]) => value !== undefined)),
    };
    // Whatever came while this was read: from this check to the entry nothing may wait.
    refuseHeld(planned);
    const sequenced = options.sequence(
      { ...event, type: LOG_PRUNE, phase: 'point', metadata, outcome: { status: 'started' } },
      OWN,
    );
    await sequenced.done;
    return {
      plan: planned,
      receipt: sequenced.receipt,
      keys: carried.keys.length,
      snapshots: snapshots.length,
      carried,
    };
  }

  /** Holds and open actions that came while the range was read. */
  function refuseHeld({ to }: PrunePlan): void {
    const known = new Set(seen);
    const hold = [...registry.current().holds.values()].find(({ hold_id }) => !known.has(hold_id));
    const action = options.pending.list().find(({ index }) => index < to);
    if (hold === undefined && action === undefined) return;
    const why = hold === undefined ? `the action of entry ${action?.index} is open` : holdText(hold);
    throw cameMeanwhile(why);
  }
  let seen: readonly string[] = [];

  /** Steps 5 to 9, for an entry that is signed. */
  async function carryOut(note: PruneBegun): Promise<void> {
    removing = note;
    try {
      const carried = await requireCarried(note);
      await options.sealer.beside(async () => {
        await store.removeBefore(note.to);
        return note.to;
      });
      await outside?.packs.removeBefore(note.to);
      for (const keyId of carried.keys) {
        if (stopping) return;
        await outside?.keys.erase(keyId);
      }
      // In force again since: then it is cited, or will be.
      const announced = carried.snapshots.length === 0 ? undefined : await announcedSnapshots(log, note.to);
      for (const hash of carried.snapshots)
        if (announced?.has(hash) !== true && !options.inForce.has(hash))
          await store.objects.remove(`policies/${hash}.json`);
      for (const name of carried.objects)
        if (name !== carriedName(note.carried)) await store.objects.remove(name);
      const { from, to } = note;
      const ended: Event = {
        type: LOG_PRUNE,
        phase: 'point',
        parent_id: note.id,
        metadata: { from, to },
        outcome: { status: 'ok' },
      };
      await options.sequence(ended, OWN).done;
      failure = undefined;
    } finally {
      removing = undefined;
    }
  }

  async function resume(): Promise<void> {
    const { last, unfinished } = latest();
    if (last === undefined || stopping) return;
    // An `ok` that no signature covers is anybody's word: what it says is gone has to be gone.
    if (!unfinished && !(await store.segments()).some(({ first }) => first < last.to)) return;
    if ((await options.checkpoint()) <= last.index) throw closing();
    await carryOut(last);
  }

  async function attempt<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (latest().unfinished) failure = asTallyError(error);
      throw error;
    }
  }

  return {
    plan,
    prune: (request, event) =>
      inTurn(() =>
        attempt(async () => {
          await resume();
          seen = [...registry.current().holds.keys()];
          const { carried, ...begun } = await begin(request, event);
          if (carried !== undefined) await resume();
          return begun;
        }),
      ),
    resume: () =>
      inTurn(() => attempt(resume)).catch((error: unknown) => {
        if (!stopping)
          options.onWarning?.(
            `${isTallyError(error) ? error.message : String(error)}; what was to be pruned is not all removed, the next run goes on with it`,
          );
      }),
    removing: () => removing,
    failure: () => failure,
    async stop() {
      stopping = true;
      await inTurn(async () => undefined);
    },
  };
}
