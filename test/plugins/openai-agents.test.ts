/** The OpenAI Agents SDK as it is installed, against a scripted model, over a real hand-over socket. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  Agent,
  addTraceProcessor,
  OpenAIProvider,
  Runner,
  RunState,
  setTraceProcessors,
  setTracingDisabled,
  tool,
  withTrace,
} from '@openai/agents';
import { z } from 'zod';
import { type Said, serveModel } from '../../examples/frameworks/model.ts';
import type { Entry } from '../../src/core/entry.ts';
import { guardAgent, guardTool, tallyHooks, tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { type Stage, stage, until } from '../sdk/stage.ts';

const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools: { find: {}, pay: {}, slow: {}, ask_desk: {}, boom: {}, list_files: {} }
rules:
  - { id: big, when: 'action.name == "pay" && facts.amount > 100', decision: stop, reason: too_much }
  - { id: ask, when: 'action.name == "pay" && facts.amount > 50', decision: approval_required, reason: over_fifty }
approvals: { approver_may_be_requester: true, hold: 1s }
`;

async function scene(t: TestContext, script: readonly Said[], streamed = false) {
  const box = await stage(t, { policy: POLICY });
  const model = await serveModel(script);
  t.after(() => model.close());
  // The SDK's own exporter is replaced: nothing leaves this machine.
  setTraceProcessors([tallyProcessor({ tally: box.tally })]);
  const runner = new Runner({
    modelProvider: new OpenAIProvider({ apiKey: 'none', baseURL: model.url, useResponses: false }),
  });
  const paid: number[] = [];
  const tools = {
    find: tool({
      name: 'find',
      description: 'finds',
      parameters: z.object({ order: z.string() }),
      execute: ({ order }) => ({ order }),
    }),
    pay: tool({
      name: 'pay',
      description: 'pays',
      parameters: z.object({ amount: z.number() }),
      execute: ({ amount }) => {
        paid.push(amount);
        return `paid ${amount}`;
      },
    }),
    boom: tool({
      name: 'boom',
      description: 'fails',
      parameters: z.object({}),
      execute: () => {
        throw new RangeError('out of order');
      },
    }),
  };
  const agent = new Agent({
    name: 'desk',
    instructions: 'be kind',
    model: 'm1',
    tools: Object.values(tools),
  });
  return { box, model, runner, tools, agent, paid, streamed };
}

const call = (name: string, args: Record<string, unknown>): Said => ({ tools: [{ name, args }] });
const DONE: Said = { text: 'done' };

const shape = (entries: readonly Entry[]) =>
  entries
    .filter(({ type }) => !/^(model|system|user)\./.test(type))
    .map(({ type, action, decision, outcome, source }) =>
      [type, action?.name, decision?.outcome, outcome?.status, source.assurance]
        .filter((x) => x !== undefined)
        .join(' '),
    );

/** Every end at its beginning, none twice, nothing left open. */
function assertPairs(box: Stage): void {
  const entries = box.entries();
  const begun = new Map(
    entries.filter(({ phase }) => phase === 'pre_exec').map((entry) => [entry.id, entry]),
  );
  for (const end of entries.filter(({ phase }) => phase === 'post_exec')) {
    const start = begun.get(end.parent_id ?? '');
    assert.ok(start, `${end.type} has a beginning`);
    assert.equal(start.run_id, end.run_id);
    begun.delete(start.id);
  }
  assert.deepEqual([...begun.values()], []);
}

/** The SDK tells nobody when a trace that it went on with is over, and waits for nobody. */
const over = (box: Stage, runs: number) => until(() => box.entries('run.end').length === runs);

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
    const desk = new Agent({ name: 'desk', model: 'm1', tools: [tools.find], handoffs: [payer] });
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
