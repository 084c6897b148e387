/**
 * What the recorder knows by heart, folded from the log: agents, tokens and runs, and the actions that are open. A
 * snapshot beside the log saves reading it all at every start; it names the size that it reflects, and deleting it loses
 * nothing.
 */
import { type Entry, EntrySchema } from '../core/entry.ts';
import { identify } from '../core/identity/identify.ts';
import { applyEntry, emptyRegistry, type RegistryState } from '../core/identity/registry.ts';
import { parseRegistry, type Saved, serializeRegistry } from '../core/identity/saved.ts';
import { parseJson } from '../core/parse.ts';
import type { Identity } from '../core/policy/types.ts';
import type { LogReader, ObjectStore } from '../core/ports.ts';
import type { Claims } from './api.ts';
import { type Line, lineText, lineType, scanEntries, scanEntriesAt } from './lines.ts';
import { foldActions } from './orphans.ts';
import type { OpenAction } from './pending.ts';

export interface RegistryHolder {
  /** Takes note of an entry as it is sequenced: a revocation is effective at once. */
  apply(entry: Entry): void;
  identify(claims: Claims, nowMs: number, tenant: string): Identity;
  current(): RegistryState;
  /** A snapshot that reflects the first `size` entries, of which those at the indices `open` are open actions. */
  snapshot(size: number, open: readonly number[]): Uint8Array;
}

/** Folds what a start reads anyway, and reads what it does not. */
export interface Projection {
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

const REGISTRY_TYPES: ReadonlySet<string> = new Set([
  'agent.register',
  'token.issue',
  'token.revoke',
  'run.start',
  'run.end',
]);

function createFold({ state, open }: Saved, withActions = true) {
  const before = new Set(withActions ? open : []);
  const from = state.size;
  const actions = foldActions();
  return {
    state,
    actions,
    from,
    before,
    see(line: Line, index: number, type: string): void {
      if (index < from && !before.has(index)) return;
      if (withActions) actions.see(line, type);
      if (index < from || !REGISTRY_TYPES.has(type)) return;
      const entry = entryOf(lineText(line));
      if (entry !== undefined) applyEntry(state, entry);
    },
  };
}

type Fold = ReturnType<typeof createFold>;

/** Whatever is wrong with a snapshot, the log tells the same. */
async function loadSaved(objects: ObjectStore, name: string): Promise<Saved> {
  const stored = await objects.get(name);
  const saved = stored === undefined ? undefined : parseRegistry(Buffer.from(stored).toString('utf8'));
  return saved ?? nothing();
}

function nothing(): Saved {
  return { state: emptyRegistry(), open: [] };
}

export async function loadProjection(
  objects: ObjectStore,
  name: string,
  log: LogReader,
): Promise<Projection> {
  let fold = createFold(await loadSaved(objects, name));

  return {
    async begin(base) {
      const before = [...fold.before].filter((index) => index < base && index < fold.from);
      await scanEntriesAt(log, before, seeIn(fold));
      await readInto(fold, log, fold.from, base);
    },
    see: (line, index, type) => fold.see(line, index, type),
    async finish(size) {
      const fits = fold.from <= size;
      if (!fits) {
        fold = createFold(nothing());
        await readInto(fold, log, 0, size);
      }
      return { registry: holder(fold.state), open: fold.actions.open(), saved: fits ? fold.from : 0 };
    },
  };
}

/** The registry as all of the log tells it, for who only reads. */
export async function loadRegistry(
  objects: ObjectStore,
  name: string,
  log: LogReader,
): Promise<RegistryState> {
  const fold = createFold(await loadSaved(objects, name), false);
  await readInto(fold, log, fold.from, Number.POSITIVE_INFINITY);
  return fold.state;
}

async function readInto(fold: Fold, log: LogReader, from: number, to: number): Promise<void> {
  await scanEntries(log, from, to, seeIn(fold));
}

function seeIn(fold: Fold): (line: Line, index: number) => void {
  return (line, index) => {
    if (line.whole) fold.see(line, index, lineType(line));
  };
}

function holder(state: RegistryState): RegistryHolder {
  return {
    apply: (entry) => applyEntry(state, entry),
    identify: (claims, nowMs, tenant) => identify(state, claims, nowMs, { tenant }),
    current: () => state,
    snapshot(size, open) {
      state.size = size;
      return Buffer.from(serializeRegistry({ state, open }));
    },
  };
}

function entryOf(text: string): Entry | undefined {
  try {
    return EntrySchema.safeParse(parseJson(text)).data;
  } catch {
    // Not JSON: nothing that any recorder wrote, and for verification to name.
    return undefined;
  }
}
