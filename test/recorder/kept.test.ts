import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TallyError } from '../../src/core/error.ts';
import { USERS, world } from '../support/agents.ts';
import { PERSON } from '../support/serve.ts';

const refused = (error: unknown): boolean =>
  error instanceof TallyError && error.code === 'USAGE' && /no record would keep/.test(error.message);

describe('names that records would not keep', () => {
  it('are given to no agent, no user of a token and no delegate, and nothing is recorded for them', async () => {
    const w = await world({ policy: USERS.replace(/^users:\n( .*\n)+/m, '') });
    const a = await w.issue('bot', { user_id: 'u_1' });
    const before = w.entries().length;
    await assert.rejects(w.issue('bot@pay.example'), refused);
    await assert.rejects(
      w.handle('token.issue', { agent_id: 'bot', user_id: 'ann@pay.example' }, PERSON),
      refused,
    );
    await assert.rejects(w.delegate(a.token, 'other@pay.example'), refused);
    assert.equal(w.entries().length, before);
    await w.recorder.close('test');
  });

  it('bound no token and no run: what is denied would be allowed after a restart', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const before = w.entries().length;
    const mail = 'ann@pay.example';
    for (const contract of [
      { credentials: { deny: [mail] } },
      { credentials: { allow: [mail] } },
      { tools: [mail] },
    ]) {
      await assert.rejects(w.issue('orchestrator', { contract }), refused);
      await assert.rejects(w.delegate(a.token, 'helper', { contract }), refused);
      await assert.rejects(w.handle('run.start', { contract }, PERSON), refused);
    }
    // Each of the first made its agent known once more.
    assert.deepEqual(
      w
        .entries()
        .slice(before)
        .map(({ type }) => type),
      Array(3).fill('agent.register'),
    );
    await w.recorder.close('test');
  });
});
