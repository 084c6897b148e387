/** Thousands of odd connections in a row; scripts/raw-sockets.ts has the whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attack } from './raw-sockets/attack.ts';

const seed = Number(process.env.TALLY_FUZZ_SEED ?? Date.now() % 1_000_000_000);
const say = (): void => undefined;

test('whatever is sent to its port, the broker lives, and nothing reaches an upstream that is not on record', async () => {
  const found = await attack({ connections: 600, atOnce: 48, seed, say });
  assert.deepEqual(found.problems, [], `seed ${seed}`);
  assert.ok(found.hits > 60, `only ${found.hits} calls reached an upstream (seed ${seed})`);
});

test('when the broker is killed in the middle of calls, each that reached the upstream has a durable beginning', async () => {
  const found = await attack({ connections: 240, atOnce: 24, seed, kills: 3, say });
  assert.deepEqual(found.problems, [], `seed ${seed}`);
  assert.ok(found.hits > 20, `only ${found.hits} calls reached an upstream (seed ${seed})`);
});
