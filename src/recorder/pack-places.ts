/** Where the payloads of entries go: behind each other in the pack of their segment, in the order of their entries. */
import type { Entry } from '../core/entry.ts';
import { packName } from '../core/payload/citation.ts';
import type { Replaced } from '../core/payload/kept.ts';
import type { Batch } from './batch.ts';
import type { Brought, PreparedPayload } from './payloads.ts';

export interface PackPlaces {
  /** Puts into the entry where its payload will lie, or takes it out. What the event brought never reaches an entry. */
  bring(entry: Entry, prepared: PreparedPayload | undefined): Brought | undefined;
  /** The entry has its place, and so has its blob. */
  take(batch: Batch, blob: Uint8Array): void;
}

/** `ends`: by the first index of its segment, where each pack ends; absent for none. Changed here alone. */
export function createPackPlaces(
  position: { readonly segment: number },
  ends: Map<number, number>,
): PackPlaces {
  const end = (): number => ends.get(position.segment) ?? 0;
  return {
    bring(entry, prepared) {
      delete entry.payload;
      const brought = prepared?.bring(entry.id);
      if (brought === undefined) return undefined;
      const { payload, blob, replaced } = brought;
      entry.payload =
        blob === undefined
          ? payload
          : { ...payload, pack: packName(position.segment), offset: end(), length: blob.length };
      if (entry.outcome !== undefined) entry.outcome = withReplaced(entry.outcome, replaced);
      return brought;
    },
    take(batch, blob) {
      batch.addBlob(blob, end());
      ends.set(position.segment, end() + blob.length);
    },
  };
}

/** Counted with what is replaced in the entry itself. */
function withReplaced(
  outcome: NonNullable<Entry['outcome']>,
  { count, rules }: Replaced,
): NonNullable<Entry['outcome']> {
  if (count === 0) return outcome;
  const before = outcome.redaction;
  const sum: Record<string, number> = Object.assign(Object.create(null), before?.rules);
  for (const [name, times] of Object.entries(rules)) sum[name] = (sum[name] ?? 0) + times;
  return { ...outcome, redaction: { ...before, count: (before?.count ?? 0) + count, rules: { ...sum } } };
}
