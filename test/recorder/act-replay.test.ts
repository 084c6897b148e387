import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { judgeDecision } from '../../src/core/replay/judge.ts';
import type { Client } from '../../src/recorder/ops.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
credentials:
  DEPLOY_KEY: { styles: [env_inject], agents: [builder] }
  OTHER_KEY: { styles: [bearer] }
`;

test('what is decided on stands in the entry, whoever built it: every access to a secret is decided again', async () => {
  const box = await machine();
  const { handle, recorder } = await serve(box, { policy: POLICY });
  const run = await handle('run.start', { agent_id: 'builder', project_id: 'web' }, PERSON);
  const agent: Client = { ...PERSON, run_token: run.token };
  const coding: Client = { ...PERSON, detected: { agent: 'coder', signals: ['X'] } };
  for (const client of [PERSON, agent, coding])
    for (const key of ['DEPLOY_KEY', 'OTHER_KEY', 'UNNAMED'])
      for (const operation of ['get', 'check', 'run'] as const)
        await handle('secret.access', { operation, key, project_id: 'web', reason: 'x' }, client);
  await recorder.close('test');
  const policy = compilePolicy(POLICY, { id: 'local' });
  const decided = entriesOf(box.disk).filter(({ decision }) => decision?.engine !== undefined);
  assert.equal(decided.length, 27);
  for (const entry of decided)
    assert.deepEqual(
      judgeDecision(entry as unknown as JsonObject, policy),
      { kind: 'agrees' },
      `entry ${entry.index}`,
    );
  assert.deepEqual([...new Set(decided.map(({ decision }) => decision?.outcome))].sort(), ['allow', 'stop']);
});
