import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgents } from '../fault/sdk-kill.ts';

test('agents that are killed leave no call without its pre_exec, and no run that is neither ended nor reported', {
  timeout: 120_000,
}, async () => {
  const { ran, runs, open, ended } = await killAgents({ kills: 8, waitMs: (kill) => (kill * 53) % 150 });
  assert.ok(ran > 0);
  assert.ok(runs >= 6, 'most of them had begun');
  assert.ok(open > 0 && ended > 0);
});
