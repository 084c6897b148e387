/** A machine whose log stands just before the end of its first segment, again and again from the same bytes. */
import type { Event } from '../../src/core/entry.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { type Machine, machine } from '../support/recorder.ts';
import { SEGMENT_ENTRIES } from './scripts.ts';

export const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
export const note = (i: number): Event => ({ type: 'step.note', phase: 'point', metadata: { i } });

export interface Acknowledged {
  readonly id: string;
  readonly index: number;
}

export interface Standing {
  readonly box: Machine;
  /** Everything that was acknowledged before. */
  readonly before: readonly Acknowledged[];
  /** Puts everything back to how it stood. */
  reset(): void;
}

/** `entries`: how many there are, those of the first start and its close among them. */
export async function standingAt(entries: number): Promise<Standing> {
  const box = await machine();
  const before: Acknowledged[] = [];
  const recorder = await box.open({ segmentEntries: SEGMENT_ENTRIES });
  while (recorder.size() < entries - 1) before.push(await recorder.record(note(recorder.size()), PRODUCER));
  await recorder.close('test');
  const bytes = (map: ReadonlyMap<number, Buffer>) =>
    [...map].map(([key, value]) => [key, Buffer.from(value)] as const);
  const segments = bytes(box.disk.segments);
  const objects = [...box.disk.objects];
  const heads = [...box.heads];
  const registry = [...box.registry];
  return {
    box,
    before,
    reset() {
      box.disk.torn.clear();
      box.disk.sealed.clear();
      refill(
        box.disk.segments,
        segments.map(([key, value]) => [key, Buffer.from(value)]),
      );
      refill(box.disk.objects, objects);
      refill(box.heads, heads);
      refill(box.registry, registry);
    },
  };
}

function refill<K, V>(map: Map<K, V>, entries: readonly (readonly [K, V])[]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
