/** Frameworks let people write "Refund Agent": on record it is an id, and what it does is guarded like any other's. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Agent } from '@openai/agents';
import { createAgent } from 'langchain';
import { tallyHandler } from '../../src/plugins/langchain.ts';
import { guardAgent } from '../../src/plugins/openai-agents.ts';
import { assertPairs, call, DONE } from './glance.ts';
import { scene as langchain, QUESTION } from './langchain-scene.ts';
import { scene } from './openai-scene.ts';

it('agents of the OpenAI Agents SDK with spaces in their names take over, are tools, and act', async (t) => {
  const { box, runner, tools, paid } = await scene(t, [
    call('transfer_to_Refund_Agent__EU_', {}),
    call('pay', { amount: 10 }),
    DONE,
    call('ask', { input: 'x' }),
    call('pay', { amount: 20 }),
    DONE,
    DONE,
  ]);
  const { tally } = box;
  const refund = new Agent({ name: 'Refund Agent (EU)', model: 'm1', tools: [tools.pay] });
  const front = Agent.create({ name: 'Front Desk', model: 'm1', handoffs: [refund] });
  await tally.run({ agent: 'Help Desk' }, () => runner.run(guardAgent(front, { tally }), 'pay it'));
  const ask = guardAgent(refund, { tally }).asTool({ toolName: 'ask', toolDescription: 'asks' });
  const asking = guardAgent(new Agent({ name: 'Front Desk', model: 'm1', tools: [ask] }), { tally });
  await tally.run({ agent: 'Help Desk' }, () => runner.run(asking, 'pay it'));
  assert.deepEqual(paid, [10, 20]);
  assert.deepEqual(
    box.entries('run.start').map(({ actor }) => actor?.agent_id),
    ['Help-Desk', 'Refund-Agent-EU', 'Help-Desk', 'Refund-Agent-EU'],
  );
  assert.equal(box.entries('run.end').length, 4);
  assertPairs(box);
});

it('an agent of LangChain with a space in its name begins', async (t) => {
  const { box, tally, model } = await langchain(t, [DONE]);
  const agent = createAgent({ name: 'My Agent', model, tools: [] });
  await agent.invoke(QUESTION, { callbacks: [tallyHandler({ tally })] });
  assert.equal(box.entries('run.start')[0]?.actor?.agent_id, 'My-Agent');
});
