import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stage } from './stage.ts';

describe('the name of an agent', () => {
  it('that is no id becomes one, and stands beside it as it was given', async (t) => {
    const box = await stage(t, { tally: { agent: 'Front Desk' } });
    const seen = await box.tally.run({ agent: 'Refund Agent', metadata: { ticket: 7 } }, (run) =>
      run.delegate({ agent: 'Refund: Checker!' }, (inner) => [run.agent, inner.agent, inner.delegationChain]),
    );
    await box.tally.run(() => undefined);
    await box.tally.run({ agent: '返金係' }, () => undefined);
    await box.tally.run({ agent: 'plain' }, () => undefined);
    assert.deepEqual(seen, ['Refund-Agent', 'Refund:-Checker', ['Refund-Agent']]);
    assert.deepEqual(
      box.entries('run.start').map(({ actor, metadata }) => [actor?.agent_id, metadata?.about]),
      [
        ['Refund-Agent', { ticket: 7, agent_name: 'Refund Agent' }],
        ['Refund:-Checker', { agent_name: 'Refund: Checker!' }],
        ['Front-Desk', { agent_name: 'Front Desk' }],
        ['unnamed', { agent_name: '返金係' }],
        ['plain', undefined],
      ],
    );
  });
});
