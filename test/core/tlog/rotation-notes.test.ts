import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { rotationName, walkRotations } from '../../../src/core/tlog/key-history.ts';
import { readRotations } from '../../../src/core/tlog/rotation-notes.ts';
import { memoryObjects } from '../../../src/store/memory.ts';

test('a file that is larger than any rotation note is refused as one, and not kept in memory', async () => {
  const objects = memoryObjects();
  await objects.put(rotationName(7), Buffer.alloc(20 * LIMITS.noteBytes, 'x'));
  const notes = await readRotations(objects);
  assert.deepEqual(
    notes.map(({ size, note }) => [size, note.length, note.buffer.byteLength]),
    [[7, LIMITS.noteBytes + 1, LIMITS.noteBytes + 1]],
  );
  const [rotation] = notes.map((one) => ({ ...one, root: undefined, entry: undefined }));
  assert.ok(rotation !== undefined);
  assert.match(walkRotations('test.example/local', [rotation]).problem ?? '', /more than 1000000 bytes/);
});
