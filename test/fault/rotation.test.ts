/** A rotation in which one write fails and the disk then works again, while the recorder still runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { memoryObjects } from '../../src/store/memory.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';
import { note, PRODUCER } from './segments.ts';

describe('a rotation that fails half-way', () => {
  for (const fault of ['write lost', 'reply lost'] as const) {
    for (const place of ['log', 'heads'] as const) {
      it(`is completed by the next start, for the old key signs nothing after it (${fault}, ${place})`, async () => {
        for (let occurrence = 0; ; occurrence++) {
          const box = await machine();
          let armed = false;
          let seen = 0;
          let hit = false;
          const once = <T extends ReturnType<typeof memoryObjects>>(objects: T): T => ({
            ...objects,
            async put(name, bytes, options) {
              if (!armed || seen++ !== occurrence) return objects.put(name, bytes, options);
              hit = true;
              if (fault === 'reply lost') await objects.put(name, bytes, options);
              throw new Error('this once');
            },
          });
          const recorder = await box.open({
            ...(place === 'heads' ? { heads: once(memoryObjects(box.heads)) } : {}),
            wrap: (store) => (place === 'log' ? { ...store, objects: once(store.objects) } : store),
          });
          const acknowledged = [await recorder.record(note(0), PRODUCER)];
          await recorder.checkpoint();
          armed = true;
          const during = [
            recorder.rotateKey({ type: 'key.rotate', phase: 'point' }),
            recorder.record(note(1), PRODUCER),
          ];
          for (const result of await Promise.allSettled(during))
            if (result.status === 'fulfilled') acknowledged.push(result.value);
          // The signature over these entries is due by now.
          await new Promise((resolve) => setTimeout(resolve, 4 * LIMITS.checkpointIdleMs));
          await recorder.close('test').catch(() => undefined);
          if (!hit) {
            assert.ok(occurrence > 1, 'the fault never happened');
            return;
          }
          const next = await box.open();
          acknowledged.push(await next.record(note(2), PRODUCER));
          await next.close('test');
          const entries = entriesOf(box.disk);
          for (const { id, index } of acknowledged) assert.equal(entries[index]?.id, id);
          await assertVerifies(box);
        }
      });
    }
  }
});
