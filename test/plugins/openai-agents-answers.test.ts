/** Approvals, ends and outages of agents of the OpenAI Agents SDK. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  Agent,
  addTraceProcessor,
  Runner,
  RunState,
  setTracingDisabled,
  tool,
  withTrace,
} from '@openai/agents';
import { z } from 'zod';
import { guardAgent, guardTool, tallyHooks, tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { until } from '../sdk/stage.ts';
import { assertPairs, call, DONE, shape } from './glance.ts';
import { over, scene } from './openai-scene.ts';

describe('what a person has to allow', () => {
  async function interrupted(t: TestContext) {
    const scened = await scene(t, [call('pay', { amount: 60 }), DONE, DONE]);
    const guarded = guardAgent(scened.agent, { tally: scened.box.tally });
    const result = await scened.runner.run(guarded, 'hello');
    assert.equal(result.interruptions.length, 1);
    assert.deepEqual(scened.paid, []);
    const [interruption] = result.interruptions;
    assert.ok(interruption);
    return { ...scened, guarded, result, interruption };
  }

  it('interrupts the run, and goes on when it was granted and approved', async (t) => {
    const { box, runner, guarded, result, interruption, paid } = await interrupted(t);
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'custom agent.start self_reported',
      'tool.call pay approval_required enforced',
      'tool.result pay pending enforced',
      'custom approval.interruption self_reported',
      'run.end ok enforced',
    ]);
    await box.answer('grant');
    result.state.approve(interruption);
    const { finalOutput } = await runner.run(guarded, result.state);
    assert.equal(finalOutput, 'done');
    assert.deepEqual(paid, [60]);
    await over(box, 2);
    assert.deepEqual(shape(box.entries()).slice(6), [
      'run.start enforced',
      'custom agent.start self_reported',
      'custom human.approval self_reported',
      'tool.call pay allow enforced',
      'tool.result pay ok enforced',
      'run.end ok enforced',
    ]);
    const allowed = box.entries('tool.call').at(-1);
    assert.equal(allowed?.decision?.approval?.approver !== undefined, true);
    assert.equal(box.entries('custom').at(-1)?.metadata?.approved, true);
    assertPairs(box);
  });

  it('is not done on the word of the program alone', async (t) => {
    const { box, runner, guarded, result, interruption, paid, model } = await interrupted(t);
    result.state.approve(interruption);
    await runner.run(guarded, result.state);
    assert.deepEqual(paid, []);
    assert.match(model.asked.at(-1) ?? '', /waiting/);
    await over(box, 2);
    assertPairs(box);
  });

  it('is not done when it was rejected, and that is on record', async (t) => {
    const { box, runner, guarded, result, interruption, paid } = await interrupted(t);
    await box.answer('grant');
    result.state.reject(interruption);
    await runner.run(guarded, result.state);
    await over(box, 2);
    assert.deepEqual(paid, []);
    const said = box.entries('custom').find(({ action }) => action?.name === 'human.approval');
    assert.deepEqual([said?.metadata?.approved, said?.metadata?.what], [false, 'pay']);
    const end = box.entries('tool.result').at(-1);
    assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['blocked', 'denied_by_client']);
    assertPairs(box);
  });

  it('is answered in another process, from the state as text', async (t) => {
    const { box, runner, agent, result, paid } = await interrupted(t);
    const text = result.state.toString();
    await box.answer('grant');
    const again = guardAgent(agent, { tally: box.tally });
    const state = await RunState.fromString(again, text);
    const [interruption] = state.getInterruptions();
    assert.ok(interruption);
    state.approve(interruption);
    await runner.run(again, state);
    await over(box, 2);
    assert.deepEqual(paid, [60]);
    const said = box.entries('custom').find(({ action }) => action?.name === 'human.approval');
    assert.equal(said?.metadata?.approved, true);
    assert.equal(box.entries('tool.call').at(-1)?.decision?.outcome, 'allow');
    assertPairs(box);
  });

  it('is waited for in place, where the guard is told to hold', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [call('pay', { amount: 60 }), DONE]);
    const running = runner.run(guardAgent(agent, { tally: box.tally, approvals: 'hold' }), 'hello');
    await until(() => box.entries('approval.request').length === 1);
    await box.answer('grant');
    await running;
    assert.deepEqual(paid, [60]);
    assertPairs(box);
  });

  it('records the interruptions that a tool asks for itself', async (t) => {
    const { box, runner } = await scene(t, [call('pay', { amount: 10 }), DONE]);
    let paid = 0;
    const pay = tool({
      name: 'pay',
      description: 'pays',
      parameters: z.object({ amount: z.number() }),
      needsApproval: true,
      execute: ({ amount }) => {
        paid += amount;
        return 'paid';
      },
    });
    const agent = new Agent({ name: 'desk', model: 'm1', tools: [guardTool(pay, { tally: box.tally })] });
    const result = await runner.run(agent, 'hello');
    const [interruption] = result.interruptions;
    assert.ok(interruption);
    assert.equal(box.entries('custom').at(-1)?.action?.name, 'approval.interruption');
    result.state.approve(interruption);
    await runner.run(agent, result.state);
    await over(box, 2);
    assert.equal(paid, 10);
    assertPairs(box);
  });
});

describe('what ends before it is over', () => {
  it('is aborted with its run, and what was under way says so', async (t) => {
    const { box, runner } = await scene(t, [call('slow', {}), DONE]);
    const abort = new AbortController();
    const slow = tool({
      name: 'slow',
      description: 'takes long',
      parameters: z.object({}),
      execute: async (_args, _context, details) => {
        abort.abort();
        details?.signal?.throwIfAborted();
        return 'never';
      },
    });
    const agent = new Agent({ name: 'desk', model: 'm1', tools: [slow] });
    await assert.rejects(
      runner.run(guardAgent(agent, { tally: box.tally }), 'hello', { signal: abort.signal }),
    );
    await until(() => box.entries('run.end').length === 1);
    assert.equal(box.entries('run.end')[0]?.outcome?.status, 'aborted');
    assert.equal(box.entries('tool.result')[0]?.outcome?.status, 'aborted');
    assertPairs(box);
  });

  it('is aborted with its stream, at the turn that it was at', async (t) => {
    const { box, runner, tools, paid } = await scene(t, [
      call('find', { order: 'o1' }),
      call('pay', { amount: 10 }),
      DONE,
    ]);
    const abort = new AbortController();
    const find = tool({
      name: 'find',
      description: 'finds',
      parameters: z.object({ order: z.string() }),
      execute: () => {
        abort.abort();
        return 'found';
      },
    });
    const agent = new Agent({ name: 'desk', model: 'm1', tools: [find, tools.pay] });
    const result = await runner.run(guardAgent(agent, { tally: box.tally }), 'hello', {
      stream: true,
      signal: abort.signal,
    });
    for await (const _ of result);
    await result.completed.catch(() => undefined);
    await over(box, 1);
    assert.deepEqual(paid, []);
    assert.equal(box.entries('tool.call').length, 1);
    const [end] = box.entries('run.end');
    assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['aborted', 'cancelled']);
    assertPairs(box);
  });

  it('leaves no action open that was decided and never made', async (t) => {
    const { box, runner, tools } = await scene(t, [call('pay', { amount: 10 }), DONE]);
    const strict = {
      ...tools.pay,
      inputGuardrails: [
        {
          type: 'tool_input' as const,
          name: 'never',
          run: async () => ({ behavior: { type: 'rejectContent' as const, message: 'no' } }),
        },
      ],
    };
    const agent = new Agent({ name: 'desk', model: 'm1', tools: [strict] });
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    const [end] = box.entries('tool.result');
    assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['aborted', 'not_carried_out']);
    assert.equal(box.entries('tool.call').length, 1);
    assertPairs(box);
  });

  it('does not begin where nothing can be recorded', async (t) => {
    const { box, runner, agent, model } = await scene(t, [DONE]);
    await box.down();
    await assert.rejects(
      runner.run(guardAgent(agent, { tally: box.tally }), 'hello'),
      /could not be recorded/,
    );
    assert.equal(model.asked.length, 0);
    await box.up();
  });

  it('is one run after the other in a trace that goes on after an error', async (t) => {
    const { box, runner, agent } = await scene(t, [call('find', { order: 'o1' }), DONE, DONE]);
    const guarded = guardAgent(agent, { tally: box.tally });
    await withTrace('both', async () => {
      await runner.run(guarded, 'hello', { maxTurns: 0 }).catch(() => undefined);
      await runner.run(guarded, 'again');
    });
    await over(box, 2);
    assert.deepEqual(
      box.entries('run.end').map(({ outcome }) => outcome?.status),
      ['error', 'ok'],
    );
    assertPairs(box);
  });
});

describe('a trace that keeps what was said to itself', () => {
  it('has no messages, arguments and usage; hooks beside it tell what was said, once', async (t) => {
    const { box, agent, model, runner } = await scene(t, [call('find', { order: 'o1' }), DONE, DONE]);
    const shy = new Runner({ modelProvider: runner.config.modelProvider, traceIncludeSensitiveData: false });
    await shy.run(agent, 'hello');
    assert.equal(box.entries('user.message').length, 0);
    assert.equal(box.entries('tool.call')[0]?.action?.args_hash, undefined);
    tallyHooks(shy, { tally: box.tally });
    await shy.run(agent, 'again');
    assert.equal(box.entries('user.message').length, 1);
    assert.equal(box.entries('system.instruction').length, 1);
    assert.equal(model.asked.length, 3);
    tallyHooks(runner, { tally: box.tally });
    await runner.run(agent, 'and again');
    assert.equal(box.entries('user.message').length, 2);
    assertPairs(box);
  });
});

describe('without tracing', () => {
  it('hooks tell what happens, in a run of the program', async (t) => {
    const { box, runner, agent } = await scene(t, [
      call('find', { order: 'o1' }),
      call('pay', { amount: 40 }),
      DONE,
    ]);
    setTracingDisabled(true);
    t.after(() => setTracingDisabled(false));
    tallyHooks(runner, { tally: box.tally });
    const [find, ...rest] = agent.tools;
    assert.ok(find);
    const half = agent.clone({ tools: [find, ...rest.map((one) => guardTool(one, { tally: box.tally }))] });
    await box.tally.run(() => runner.run(half, 'hello'));
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'custom agent.start self_reported',
      'tool.call find self_reported',
      'tool.result find ok self_reported',
      'tool.call pay allow enforced',
      'tool.result pay ok enforced',
      'custom agent.end self_reported',
      'run.end ok enforced',
    ]);
    assert.equal(box.entries('user.message').length, 1);
    assertPairs(box);
    await assert.rejects(runner.run(half, 'hello'), /nothing records/);
  });

  it('a guarded tool outside of any run has one of its own', async (t) => {
    const { box, runner, agent, paid } = await scene(t, [call('pay', { amount: 60 }), DONE]);
    setTracingDisabled(true);
    t.after(() => setTracingDisabled(false));
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    assert.deepEqual(paid, []);
    assert.deepEqual(
      box.entries('tool.call').map(({ decision, source }) => [decision?.outcome, source.assurance]),
      [['approval_required', 'enforced']],
    );
    assertPairs(box);
  });
});

describe('the processor', () => {
  it('tells once what two of it hear, and so do hooks', async (t) => {
    const { box, runner, agent } = await scene(t, [call('find', { order: 'o1' }), DONE]);
    addTraceProcessor(tallyProcessor({ tally: box.tally }));
    tallyHooks(tallyHooks(runner, { tally: box.tally }), { tally: box.tally });
    await runner.run(agent, 'hello');
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'custom agent.start self_reported',
      'tool.call find self_reported',
      'tool.result find ok self_reported',
      'custom agent.end self_reported',
      'run.end ok enforced',
    ]);
    assert.equal(box.entries('model.call').length, 2);
    assert.equal(box.entries('user.message').length, 1);
    assertPairs(box);
  });

  it('is one of several, and writes down spans of the program’s own', async (t) => {
    const { box, runner, agent } = await scene(t, [DONE]);
    const heard: string[] = [];
    addTraceProcessor({
      onTraceStart: async () => void heard.push('start'),
      onTraceEnd: async () => void heard.push('end'),
      onSpanStart: async () => undefined,
      onSpanEnd: async () => undefined,
      shutdown: async () => undefined,
      forceFlush: async () => undefined,
    });
    await runner.run(agent, 'hello');
    assert.deepEqual(heard, ['start', 'end']);
    assert.equal(box.entries('run.end').length, 1);
  });
});
