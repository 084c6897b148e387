import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Event } from '../../src/core/entry.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogStore } from '../../src/core/ports.ts';
import { machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const note: Event = { type: 'step.note', phase: 'point' };

test('tiles that came up in a burst are stored many at a time, and not all at once', async () => {
  const box = await machine();
  let storing = 0;
  let most = 0;
  const slow = (store: LogStore): LogStore => ({
    ...store,
    objects: {
      ...store.objects,
      async put(name, bytes, options) {
        most = Math.max(most, ++storing);
        await pause(2);
        storing--;
        await store.objects.put(name, bytes, options);
      },
    },
  });
  const recorder = await box.open({ wrap: slow });
  const entries = LIMITS.tileWidth * (LIMITS.filesAtOnce + 16);
  await Promise.all(
    Array.from({ length: entries }, () => recorder.record(note, { surface: 'sdk', assurance: 'observed' })),
  );
  await recorder.checkpoint();
  assert.ok(most > 1 && most <= LIMITS.filesAtOnce, `${most} at once`);
  await recorder.close('test');
  await assertVerifies(box);
});
