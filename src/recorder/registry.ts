/**
 * What the recorder knows by heart, folded from the log: agents, tokens and runs, and the actions that are open. A
 * snapshot beside the log saves reading it all at every start; it names the size that it reflects, and deleting it loses
 * nothing.
 */
import type { Entry } from '../core/entry.ts';
import { isTallyError } from '../core/error.ts';
import { covers, joinNeeds, type Needs, noNeeds } from '../core/governance/needs.ts';
import { emptyGovernance, foldEntry, type GovernanceState, takeWindows } from '../core/governance/state.ts';
import { identify } from '../core/identity/identify.ts';
import { applyEntry, emptyRegistry } from '../core/identity/registry.ts';
import { parseRegistry, type Saved, serializeRegistry } from '../core/identity/saved.ts';
import type { RegistryState } from '../core/identity/state.ts';
import type { JsonObject } from '../core/json.ts';
import type { Identity } from '../core/policy/types.ts';
import type { LogReader, ObjectStore } from '../core/ports.ts';
import { foldPrunes, type PruneFold } from '../core/retention/prune-entry.ts';
import type { Claims } from './api.ts';
import { type Base, carriedBases, nothingCarried } from './carried-bases.ts';
import { type Line, lineType, scanEntries, scanEntriesAt } from './lines.ts';
import type { OpenAction } from './pending.ts';
import { createFold, type Fold } from './registry-fold.ts';

export interface RegistryHolder {
  /** Takes note of an entry as it is sequenced: a revocation is effective at once. */
  apply(entry: Entry): void;
  identify(claims: Claims, nowMs: number, tenant: string): Identity;
  current(): RegistryState;
  /** What decisions are made from. */
  readonly governance: GovernanceState;
  /**
   * Another policy is in force, and asks for so much of the past. What was not kept is read from the log, while calls
   * count from now on; resolves when all of it is there. `durable`: resolves when what has its place is on the disk.
   */
  keep(needs: Needs, durable: () => Promise<void>): Promise<void>;
  /** A snapshot that reflects the first `size` entries, of which those at the indices `open` are open actions. */
  snapshot(size: number, open: readonly number[]): Uint8Array;
}

/** Folds what a start reads anyway, and reads what it does not. */
export interface Projection {
  /** What the lines seen so far say of prunes. */
  prunes(): PruneFold;
  /** Reads what the snapshot does not reflect and lies before entry `base`, where the reading of the tail begins. */
  begin(base: number): Promise<void>;
  /** A good line of the tail; every one from `base` on, in order. */
  see(line: Line, index: number, type: string): void;
  /** The log has `size` entries. A snapshot of more is of another history: then all is read again. */
  finish(size: number): Promise<{
    readonly registry: RegistryHolder;
    /** Newest last. */
    readonly open: readonly OpenAction[];
    /** Entries that the snapshot reflects. */
    readonly saved: number;
  }>;
}

/** Whatever is wrong with a snapshot, the log tells the same. */
async function loadSaved(objects: ObjectStore, name: string): Promise<Saved> {
  const stored = await objects.get(name).catch((error: unknown) => {
    if (isTallyError(error) && error.code === 'LOG_DAMAGED') return undefined;
    throw error;
  });
  const saved = stored === undefined ? undefined : parseRegistry(Buffer.from(stored).toString('utf8'));
  return saved ?? nothing();
}

function nothing(needs?: Needs): Saved {
  return { state: emptyRegistry(), open: [], governance: emptyGovernance(needs) };
}

/** What was kept for another policy may be too little for this one: then the log is read. Too much is cut in time. */
function keeping(saved: Saved, needs: Needs): Saved {
  const { windows } = saved.governance;
  if (!covers(windows.needs, needs)) return nothing(needs);
  windows.needs = needs;
  return saved;
}

/** What a prune carried on is all that there is. */
function carriedFor(base: Base | undefined, needs: Needs): Saved | undefined {
  if (base !== undefined) base.saved.governance.windows.needs = needs;
  return base?.saved;
}

/** `needs`: what the policy in force asks for, so that no more of the past is kept. */
export async function loadProjection(
  objects: ObjectStore,
  name: string,
  log: LogReader,
  needs: Needs = noNeeds(),
): Promise<Projection> {
  const first = (await log.segments())[0]?.first ?? 0;
  let bases: Base[] | undefined;
  const nextBase = async (): Promise<Base | undefined> => {
    bases ??= await carriedBases(log, first);
    return bases.shift();
  };
  /** From where the log begins now: what was pruned since the start is carried on by another object. */
  async function foldAgain(wider: Needs, to: number): Promise<GovernanceState> {
    const [carried] = await carriedBases(log, (await log.segments())[0]?.first ?? 0);
    const again = createFold(carriedFor(carried, wider) ?? nothing(wider), false);
    await readInto(again, log, again.from, to);
    return again.governance;
  }
  const saved = keeping(await loadSaved(objects, name), needs);
  let base = saved.state.size < first ? await nextBase() : undefined;
  if (saved.state.size < first && base === undefined) throw nothingCarried(first);
  let fold = createFold(carriedFor(base, needs) ?? saved);

  return {
    prunes: () => foldPrunes(fold.state.prunes),
    async begin(base) {
      const before = [...fold.before].filter((index) => index < base && index < fold.from);
      await scanEntriesAt(log, before, seeIn(fold));
      await readInto(fold, log, fold.from, base);
    },
    see: (line, index, type) => fold.see(line, index, type),
    async finish(size) {
      const fits = fold.from <= size && isCited(fold, base);
      // A crash may have left an object that no entry cites, and somebody may have put one there.
      for (let again = !fits; again; again = !isCited(fold, base)) {
        base = first === 0 ? undefined : await nextBase();
        if (first > 0 && base === undefined) throw nothingCarried(first);
        fold = createFold(carriedFor(base, needs) ?? nothing(needs));
        await readInto(fold, log, fold.from, size);
      }
      return {
        registry: holder(fold.state, fold.governance, foldAgain),
        open: fold.actions.open(),
        saved: fits ? fold.from : 0,
      };
    },
  };
}

/** Nobody has to trust the object: an entry of the log says what its hash is. */
function isCited(fold: Fold, base: Base | undefined): boolean {
  return (
    base === undefined || fold.state.prunes.some((note) => 'carried' in note && note.carried === base.sha256)
  );
}

/** The registry as all of the log tells it, for who only reads. */
export async function loadRegistry(
  objects: ObjectStore,
  name: string,
  log: LogReader,
): Promise<RegistryState> {
  return (await loadFold(objects, name, log)).state;
}

/** Switches and approvals likewise. Of windows only what the last recorder kept. */
export async function loadGovernance(
  objects: ObjectStore,
  name: string,
  log: LogReader,
): Promise<GovernanceState> {
  return (await loadFold(objects, name, log)).governance;
}

async function loadFold(objects: ObjectStore, name: string, log: LogReader): Promise<Fold> {
  const saved = await loadSaved(objects, name);
  const first = (await log.segments())[0]?.first ?? 0;
  const bases = saved.state.size < first ? await carriedBases(log, first) : [{ sha256: undefined, saved }];
  for (const { sha256, saved: from } of bases) {
    const fold = createFold(from, false);
    await readInto(fold, log, fold.from, Number.POSITIVE_INFINITY);
    if (sha256 === undefined || isCited(fold, { sha256, saved: from })) return fold;
  }
  throw nothingCarried(first);
}

/** The registry after entry `to`, out of one that is true before: for what a prune carries on. */
export function foldOnto(saved: Saved): {
  readonly state: RegistryState;
  readonly governance: GovernanceState;
  see(line: Line, index: number, type: string): void;
} {
  return createFold(saved, false);
}

async function readInto(fold: Fold, log: LogReader, from: number, to: number): Promise<void> {
  await scanEntries(log, from, to, seeIn(fold));
}

function seeIn(fold: Fold): (line: Line, index: number) => void {
  return (line, index) => {
    if (line.whole) fold.see(line, index, lineType(line));
  };
}

function holder(
  state: RegistryState,
  governance: GovernanceState,
  foldAgain: (needs: Needs, to: number) => Promise<GovernanceState>,
): RegistryHolder {
  /** Entries that got their place while the log is read. */
  let since: JsonObject[] | undefined;
  let reading: Promise<void> = Promise.resolve();

  async function widen(needs: Needs, durable: () => Promise<void>): Promise<void> {
    if (covers(governance.windows.needs, needs)) return;
    const wider = joinNeeds(governance.windows.needs, needs);
    governance.windows.needs = wider;
    since = [];
    const to = state.size;
    try {
      await durable();
      const fold = await foldAgain(wider, to);
      for (const entry of since) foldEntry(fold, entry);
      takeWindows(governance, fold);
    } finally {
      since = undefined;
    }
  }

  return {
    governance,
    keep(needs, durable) {
      const mine = reading.then(() => widen(needs, durable));
      reading = mine.catch(() => undefined);
      return mine;
    },
    apply(entry) {
      const seen = entry as unknown as JsonObject;
      applyEntry(state, entry);
      foldEntry(governance, seen);
      since?.push(seen);
    },
    identify(claims, nowMs, tenant) {
      const identity = identify(state, claims, nowMs, { tenant });
      if (identity.failure === undefined) noteUse(state, claims, nowMs);
      return identity;
    },
    current: () => state,
    snapshot(size, open) {
      state.size = size;
      return Buffer.from(serializeRegistry({ state, open, governance }));
    },
  };
}

/** In memory, and saved with the rest: an entry for each use would double the log. */
function noteUse(state: RegistryState, { agent_token, run_token }: Claims, nowMs: number): void {
  for (const presented of [agent_token, run_token]) {
    const id = presented?.split('.', 1)[0];
    if (id !== undefined && state.tokens.has(id)) state.used.set(id, nowMs);
  }
}
