import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killUnderLoad } from '../fault/kill.ts';

const KILLS = 30;
const CLIENTS = 10;

test('a recorder killed thirty times under ten clients, in rotations too, loses and doubles nothing', {
  timeout: 300_000,
}, async () => {
  const totals = await killUnderLoad({
    kills: KILLS,
    clients: CLIENTS,
    waitMs: (kill) => (kill * 37) % 250,
    rotateEvery: 4,
  });
  assert.ok(totals.acknowledged > KILLS * CLIENTS);
  assert.ok(totals.rotations > 0);
});
