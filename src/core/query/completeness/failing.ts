/** Anchors and sinks whose newest entry tells of a failure. */
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { numberAt, textAt } from '../fields.ts';
import type { Failing } from './findings.ts';

export interface FailingWatch {
  see(entry: JsonObject, type: string): void;
  list(): readonly Failing[];
}

const KINDS: ReadonlyMap<string, { readonly kind: Failing['kind']; readonly well: boolean }> = new Map([
  ['anchor.ok', { kind: 'anchor', well: true }],
  ['anchor.fail', { kind: 'anchor', well: false }],
  ['sink.ok', { kind: 'sink', well: true }],
  ['sink.fail', { kind: 'sink', well: false }],
]);

export function watchFailing(): FailingWatch {
  const failing = new Map<string, Failing>();
  return {
    see(entry, type) {
      const found = KINDS.get(type);
      if (found === undefined) return;
      const { kind, well } = found;
      const name = textAt(entry, 'metadata', kind) ?? textAt(entry, 'metadata', 'name') ?? '?';
      const key = `${kind} ${name}`;
      const before = failing.get(key);
      failing.delete(key);
      if (well) return;
      const reason = textAt(entry, 'metadata', 'reason') ?? textAt(entry, 'outcome', 'error');
      failing.set(key, {
        kind,
        name,
        times: (before?.times ?? 0) + 1,
        last: numberAt(entry, 'index') ?? -1,
        ...(reason === undefined ? {} : { reason }),
      });
      const [oldest] = failing.size > LIMITS.rememberedFailing ? failing.keys() : [];
      if (oldest !== undefined) failing.delete(oldest);
    },
    list: () => [...failing.values()],
  };
}
