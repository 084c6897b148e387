/** A run ends after those below it: its end revokes what they act with. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Agent } from '@openai/agents';
import { guardAgent } from '../../src/plugins/openai-agents.ts';
import { call, DONE } from './glance.ts';
import { scene } from './openai-scene.ts';

it('an agent that was handed the task ends before the run that handed it over', async (t) => {
  for (const isGuarded of [true, false]) {
    const script = [call('transfer_to_payer', {}), call('pay', { amount: 10 }), DONE];
    const { box, runner, tools, paid } = await scene(t, [...script, ...script]);
    const payer = new Agent({ name: 'payer', model: 'm1', tools: [tools.pay] });
    const front = Agent.create({ name: 'front', model: 'm1', handoffs: [payer] });
    const agent = isGuarded ? guardAgent(front, { tally: box.tally }) : front;
    for (const _ of [1, 2]) await runner.run(agent, 'pay it');
    assert.deepEqual(paid, [10, 10]);
    const ends = box.entries('run.end');
    const starts = box.entries('run.start').map(({ run_id }) => run_id);
    assert.deepEqual(
      ends.map(({ outcome }) => outcome?.status),
      ['ok', 'ok', 'ok', 'ok'],
    );
    assert.deepEqual(
      ends.map(({ run_id }) => starts.indexOf(run_id)),
      [1, 0, 3, 2],
    );
    assert.deepEqual(box.entries('log.gap'), []);
  }
});
