/**
 * Agents, tokens and runs as the log tells them: a fold over its entries. A snapshot beside the log saves reading it
 * all at every start; it names the size that it reflects, and deleting it loses nothing.
 */
import { type Entry, EntrySchema } from '../core/entry.ts';
import { identify } from '../core/identity/identify.ts';
import { applyEntry, emptyRegistry, type RegistryState } from '../core/identity/registry.ts';
import { parseRegistry, serializeRegistry } from '../core/identity/saved.ts';
import type { Identity } from '../core/policy/types.ts';
import type { LogReader, ObjectStore } from '../core/ports.ts';
import type { Claims } from './api.ts';
import { lineText, lineType, scanLines } from './lines.ts';

export interface RegistryHolder {
  /** Takes note of an entry as it is sequenced: a revocation is effective at once. */
  apply(entry: Entry): void;
  identify(claims: Claims, nowMs: number, tenant: string): Identity;
  current(): RegistryState;
  /** Stores a snapshot that reflects the first `size` entries. */
  save(size: number): Promise<void>;
}

export async function loadRegistry(
  objects: ObjectStore,
  name: string,
  log: LogReader,
  size: number,
): Promise<RegistryHolder> {
  const stored = await objects.get(name);
  const saved = stored === undefined ? undefined : parseRegistry(Buffer.from(stored).toString('utf8'));
  // A snapshot of more entries than there are is of another history.
  const state = saved !== undefined && saved.size <= size ? saved : emptyRegistry();
  for await (const entry of registryEntries(log, state.size)) applyEntry(state, entry);

  return {
    apply: (entry) => applyEntry(state, entry),
    identify: (claims, nowMs, tenant) => identify(state, claims, nowMs, { tenant }),
    current: () => state,
    async save(at) {
      state.size = at;
      await objects.put(name, Buffer.from(serializeRegistry(state)));
    },
  };
}

/** Entries of interest from index `from` on. */
async function* registryEntries(log: LogReader, from: number): AsyncGenerator<Entry> {
  const segments = await log.segments();
  const start = segments.findLastIndex(({ first }) => first <= from);
  for (const { first } of segments.slice(Math.max(0, start))) {
    const texts: string[] = [];
    await scanLines(log, first, (line) => {
      if (REGISTRY_TYPES.has(lineType(line))) texts.push(lineText(line));
      return true;
    });
    for (const text of texts) {
      const parsed = EntrySchema.safeParse(JSON.parse(text));
      if (parsed.success && parsed.data.index >= from) yield parsed.data;
    }
  }
}

const REGISTRY_TYPES: ReadonlySet<string> = new Set([
  'agent.register',
  'token.issue',
  'token.revoke',
  'run.start',
  'run.end',
]);
