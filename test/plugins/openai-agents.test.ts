/** The OpenAI Agents SDK as it is installed, against a scripted model, over a real hand-over socket. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Agent, handoff, OpenAIProvider, Runner } from '@openai/agents';
import { serveModel } from '../../examples/frameworks/model.ts';
import { guardAgent } from '../../src/plugins/openai-agents.ts';
import { until } from '../sdk/stage.ts';
import { assertPairs, call, DONE, shape } from './glance.ts';
import { scene } from './openai-scene.ts';

describe('agents of the OpenAI Agents SDK', () => {
  it('are recorded with their guard and the processor both there, each call once', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [
      call('find', { order: 'o1' }),
      call('pay', { amount: 140 }),
      call('pay', { amount: 40 }),
      DONE,
    ]);
    const guarded = guardAgent(agent, { tally: box.tally });
    const { finalOutput } = await runner.run(guarded, 'hello');
    assert.equal(finalOutput, 'done');
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'custom agent.start self_reported',
      'tool.call find allow enforced',
      'tool.result find ok enforced',
      'tool.call pay stop enforced',
      'tool.result pay blocked enforced',
      'tool.call pay allow enforced',
      'tool.result pay ok enforced',
      'run.end ok enforced',
    ]);
    assertPairs(box);
    assert.notEqual(guarded, agent);
    assert.equal(guardAgent(guarded, { tally: box.tally }), guarded);
    assert.ok(guarded instanceof Agent);
  });

  it('are told what was stopped as the answer of the tool, and go on', async (t) => {
    const { box, runner, agent, model } = await scene(t, [call('pay', { amount: 140 }), DONE]);
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    const { messages } = JSON.parse(model.asked[1] ?? '') as {
      messages: { role: string; content: string }[];
    };
    const answer = JSON.parse(messages.find(({ role }) => role === 'tool')?.content ?? '') as {
      stopped: string;
      message: string;
    };
    assert.equal(answer.stopped, 'too_much');
    assert.match(answer.message, /pay is stopped/);
  });

  it('without a guard are heard only, as self_reported', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [call('pay', { amount: 140 }), DONE]);
    await runner.run(agent, 'hello');
    assert.deepEqual(paid, [140]);
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'custom agent.start self_reported',
      'tool.call pay self_reported',
      'tool.result pay ok self_reported',
      'run.end ok enforced',
    ]);
    const pay = box.entries('tool.call')[0];
    assert.match(pay?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
    assertPairs(box);
  });

  it('have model calls with their usage, and messages once however often they are sent', async (t) => {
    const { box, runner, agent } = await scene(t, [call('find', { order: 'o1' }), DONE]);
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.usage),
      [1, 2].map(() => ({ input_tokens: 20, output_tokens: 7 })),
    );
    assert.deepEqual(
      box.entries('model.call').map(({ metadata }) => metadata?.model),
      ['m1', 'm1'],
    );
    assert.equal(box.entries('user.message').length, 1);
    assert.equal(box.entries('system.instruction').length, 1);
  });

  it('are recorded when they stream', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [call('pay', { amount: 40 }), DONE]);
    const result = await runner.run(guardAgent(agent, { tally: box.tally }), 'hello', { stream: true });
    let text = '';
    for await (const chunk of result.toTextStream()) text += chunk;
    await result.completed;
    await until(() => box.entries('run.end').length === 1);
    assert.equal(text, 'done');
    assert.deepEqual(paid, [40]);
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => [outcome?.status, outcome?.usage]),
      [1, 2].map(() => ['ok', { input_tokens: 20, output_tokens: 7 }]),
    );
    assert.equal(box.entries('run.end')[0]?.outcome?.status, 'ok');
    assertPairs(box);
  });

  it('have a tool that failed on record as failed, though the SDK makes words of it for the model', async (t) => {
    const { box, runner, agent, model } = await scene(t, [call('boom', {}), DONE]);
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    const [end] = box.entries('tool.result');
    assert.equal(end?.outcome?.status, 'error');
    assert.equal(end?.source.assurance, 'enforced');
    assert.match(model.asked[1] ?? '', /An error occurred while running the tool/);
  });

  it('end with an error as their run does: too many turns, a model that fails, a guardrail', async (t) => {
    const { box, runner, agent } = await scene(t, [
      call('find', { order: 'o1' }),
      call('find', { order: 'o2' }),
    ]);
    await assert.rejects(
      runner.run(guardAgent(agent, { tally: box.tally }), 'hello', { maxTurns: 1 }),
      /Max turns/,
    );
    const ended = () => box.entries('run.end').map(({ outcome }) => [outcome?.status, outcome?.error_kind]);
    // The SDK does not wait for its processors when a run fails.
    await until(() => ended().length === 1);
    assert.deepEqual(ended(), [['error', 'MaxTurnsExceededError']]);
    const strict = new Agent({
      name: 'strict',
      model: 'm1',
      inputGuardrails: [
        {
          name: 'polite',
          execute: async () => ({ tripwireTriggered: true, outputInfo: {} }),
          runInParallel: false,
        },
      ],
    });
    await assert.rejects(runner.run(guardAgent(strict, { tally: box.tally }), 'rude'));
    await until(() => ended().length === 2);
    assert.deepEqual(ended().at(-1), ['error', 'InputGuardrailTripwireTriggered']);
    const [check] = box.entries('policy.check');
    assert.deepEqual([check?.action?.name, check?.metadata?.result], ['polite', 'fail']);
    await assert.rejects(
      new Runner({
        modelProvider: new OpenAIProvider({
          apiKey: 'none',
          baseURL: 'http://127.0.0.1:9/v1',
          useResponses: false,
        }),
      }).run(
        guardAgent(new Agent({ name: 'far', model: 'm1', modelSettings: { retry: { maxRetries: 0 } } }), {
          tally: box.tally,
        }),
        'hello',
      ),
    );
    await until(() => ended().length === 3);
    assert.equal(ended().at(-1)?.[0], 'error');
    assert.equal(box.entries('model.response').at(-1)?.outcome?.status, 'error');
    assertPairs(box);
  });

  it('do not mix when they run at once, though their models name calls alike', async (t) => {
    const { box, tools } = await scene(t, []);
    const one = async (order: string) => {
      const model = await serveModel([call('find', { order }), call('pay', { amount: 40 }), DONE]);
      const runner = new Runner({
        modelProvider: new OpenAIProvider({ apiKey: 'none', baseURL: model.url, useResponses: false }),
        groupId: order,
      });
      const agent = new Agent({ name: `desk-${order}`, model: 'm1', tools: Object.values(tools) });
      await runner.run(guardAgent(agent, { tally: box.tally }), order);
      await model.close();
    };
    await Promise.all(['a', 'b', 'c'].map(one));
    const starts = box.entries('run.start');
    assert.deepEqual(starts.map(({ session_id }) => session_id).toSorted(), ['a', 'b', 'c']);
    for (const { run_id } of starts)
      assert.deepEqual(
        shape(box.entries().filter((entry) => entry.run_id === run_id)).filter((line) =>
          line.startsWith('tool'),
        ),
        [
          'tool.call find allow enforced',
          'tool.result find ok enforced',
          'tool.call pay allow enforced',
          'tool.result pay ok enforced',
        ],
      );
    assertPairs(box);
  });

  it('have each of several calls of one turn', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [
      { tools: [10, 140, 20].map((amount) => ({ name: 'pay', args: { amount } })) },
      DONE,
    ]);
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    assert.deepEqual(paid.toSorted(), [10, 20]);
    assert.deepEqual(
      box
        .entries('tool.call')
        .map(({ decision }) => decision?.outcome)
        .toSorted(),
      ['allow', 'allow', 'stop'],
    );
    assertPairs(box);
  });

  it('in a run of the program are recorded in that run', async (t) => {
    const { box, runner, agent } = await scene(t, [call('pay', { amount: 10 }), DONE]);
    await box.tally.run({ workflow: 'outer' }, () =>
      runner.run(guardAgent(agent, { tally: box.tally }), 'hello'),
    );
    assert.equal(box.entries('run.start').length, 1);
    assert.equal(box.entries('run.end').length, 1);
    assert.equal(box.entries('tool.call').length, 1);
    assertPairs(box);
  });

  it('hand over as delegated runs, and take back into their own', async (t) => {
    const { box, runner, tools } = await scene(t, [
      call('transfer_to_payer', {}),
      call('pay', { amount: 40 }),
      call('transfer_to_desk', {}),
      call('find', { order: 'o1' }),
      DONE,
    ]);
    const payer = new Agent({ name: 'payer', model: 'm1', tools: [tools.pay] });
    const desk = new Agent({ name: 'desk', model: 'm1', tools: [tools.find], handoffs: [handoff(payer)] });
    payer.handoffs.push(desk);
    await runner.run(guardAgent(desk, { tally: box.tally }), 'hello');
    const [root, below] = box.entries('run.start');
    assert.equal(box.entries('run.start').length, 2);
    assert.deepEqual(below?.actor?.delegation_chain, ['bot']);
    assert.equal(below?.actor?.agent_id, 'payer');
    const [pay, find] = box.entries('tool.call');
    assert.deepEqual(
      [pay?.action?.name, pay?.run_id, pay?.source.assurance],
      ['pay', below?.run_id, 'enforced'],
    );
    assert.deepEqual([find?.action?.name, find?.run_id], ['find', root?.run_id]);
    assert.equal(box.entries('custom').filter(({ action }) => action?.name === 'handoff').length, 2);
    assert.deepEqual(
      box.entries('run.end').map(({ run_id }) => run_id),
      [below?.run_id, root?.run_id],
    );
    assertPairs(box);
  });

  it('as tools of others run below the call that made them', async (t) => {
    const { box, runner, tools, paid } = await scene(t, [
      call('ask_payer', { input: 'pay 40' }),
      call('pay', { amount: 40 }),
      { text: 'paid' },
      DONE,
    ]);
    const payer = guardAgent(new Agent({ name: 'payer', model: 'm1', tools: [tools.pay] }), {
      tally: box.tally,
    });
    const desk = new Agent({
      name: 'desk',
      model: 'm1',
      tools: [payer.asTool({ toolName: 'ask_payer', toolDescription: 'asks' })],
    });
    await runner.run(guardAgent(desk, { tally: box.tally }), 'hello');
    assert.deepEqual(paid, [40]);
    const [root, below] = box.entries('run.start');
    assert.deepEqual(below?.actor?.delegation_chain, ['bot']);
    assert.deepEqual(
      box.entries('tool.call').map(({ action, run_id }) => [action?.name, run_id]),
      [
        ['ask_payer', root?.run_id],
        ['pay', below?.run_id],
      ],
    );
    assertPairs(box);
  });
});
