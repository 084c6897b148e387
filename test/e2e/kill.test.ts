import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killUnderLoad } from '../fault/kill.ts';

const KILLS = 20;
const CLIENTS = 10;

test('a recorder killed twenty times under ten clients, in rotations too, loses and doubles nothing', {
  timeout: 300_000,
}, async () => {
  const totals = await killUnderLoad({
    kills: KILLS,
    clients: CLIENTS,
    // A rotation needs longer than a write: some of them are to be acknowledged, and some to be cut.
    waitMs: (kill) => (kill % 4 === 3 ? (kill * 370) % 2_500 : (kill * 37) % 250),
    rotateEvery: 4,
  });
  assert.ok(totals.acknowledged > KILLS * CLIENTS);
  assert.ok(totals.rotations > 0);
});
