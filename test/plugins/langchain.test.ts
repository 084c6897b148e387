/** Agents and tools of LangChain.js as it is installed, against a scripted model. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Command, MemorySaver, MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';
import { serveModel } from '../../examples/frameworks/model.ts';
import { guardTool, guardTools, tallyHandler, tallyMiddleware } from '../../src/plugins/langchain.ts';
import { until } from '../sdk/stage.ts';
import { assertPairs, call, DONE, shape } from './glance.ts';
import { chat, QUESTION, SCRIPT, STORY, scene } from './langchain-scene.ts';

describe('agents of LangChain', () => {
  it('are held by the handler alone, and the model is told what was stopped', async (t) => {
    const { box, tools, model, handler, paid, served } = await scene(t, SCRIPT);
    const agent = createAgent({ name: 'desk', model, tools: [...tools] });
    const { messages } = await agent.invoke(QUESTION, { callbacks: [handler] });
    assert.equal(messages.at(-1)?.text, 'done');
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), STORY);
    assert.match(served.asked[2] ?? '', /pay is stopped/);
    assert.equal(box.entries('run.start')[0]?.metadata?.workflow_name, 'desk');
    assertPairs(box);
  });

  it('are recorded once with the middleware and the handler both there, in their run', async (t) => {
    const { box, tally, tools, model, handler, paid, served } = await scene(t, SCRIPT);
    const agent = createAgent({ model, tools: [...tools], middleware: [tallyMiddleware({ tally })] });
    await agent.invoke(QUESTION, { callbacks: [handler] });
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), STORY);
    const { messages } = JSON.parse(served.asked[2] ?? '') as {
      messages: { role: string; content: string }[];
    };
    const answers = messages.filter(({ role }) => role === 'tool');
    assert.equal((JSON.parse(answers.at(-1)?.content ?? '') as { stopped: string }).stopped, 'too_much');
    assertPairs(box);
  });

  it('are held by the middleware without any callbacks, in a run of the program', async (t) => {
    const { box, tally, tools, model, paid } = await scene(t, SCRIPT);
    const agent = createAgent({ model, tools: [...tools], middleware: [tallyMiddleware({ tally })] });
    await tally.run(() => agent.invoke(QUESTION));
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), STORY);
  });

  it('have model calls with provider, model and usage, and messages once', async (t) => {
    const { box, tools, model, handler } = await scene(t, SCRIPT);
    const agent = createAgent({ model, tools: [...tools], systemPrompt: 'be kind' });
    await agent.invoke(QUESTION, { callbacks: [handler] });
    assert.deepEqual(
      box.entries('model.call').map(({ metadata }) => [metadata?.provider, metadata?.model]),
      SCRIPT.map(() => ['openai', 'm1']),
    );
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.usage),
      SCRIPT.map(() => ({ input_tokens: 20, output_tokens: 7 })),
    );
    assert.equal(box.entries('user.message').length, 1);
    assert.equal(box.entries('system.instruction').length, 1);
  });

  it('have a tool that failed on record as failed', async (t) => {
    const { box, tally, tools, model, handler } = await scene(t, [
      call('boom', {}),
      call('pay', { amount: 'x' }),
      DONE,
    ]);
    const agent = createAgent({ model, tools: [...tools] });
    await agent.invoke(QUESTION, { callbacks: [handler] });
    const [end] = box.entries('tool.result');
    assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['error', 'RangeError']);
    // Arguments that do not fit the schema begin nothing: the framework tells of no tool.
    assert.equal(box.entries('tool.call').length, 1);
    assert.ok(tally);
    assertPairs(box);
  });

  it('go on after a tool that failed under the middleware, as without it, unless it throws on', async (t) => {
    const { box, tally, tools, model, served } = await scene(t, [
      call('boom', {}),
      call('pay', { amount: 'x' }),
      DONE,
      call('boom', {}),
    ]);
    const agentWith = (toolErrors: 'tell' | 'throw') =>
      createAgent({ model, tools: [...tools], middleware: [tallyMiddleware({ tally, toolErrors })] });
    await tally.run(() => agentWith('tell').invoke(QUESTION));
    const { messages } = JSON.parse(served.asked.at(-1) ?? '') as {
      messages: { role: string; content: string }[];
    };
    const [boom, pay] = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    assert.equal(boom, 'RangeError: out of order\n Please fix your mistakes.');
    assert.match(pay ?? '', /Please fix the error and try again/);
    const told = (of: string) => box.entries(of).map(({ outcome }) => outcome?.status);
    assert.deepEqual([told('tool.result'), told('run.end')], [['error'], ['ok']]);
    await assert.rejects(
      tally.run(() => agentWith('throw').invoke(QUESTION)),
      /out of order/,
    );
    assert.deepEqual(
      [told('tool.result'), told('run.end')],
      [
        ['error', 'error'],
        ['ok', 'error'],
      ],
    );
    assertPairs(box);
  });

  it('may make several calls at once, each on its own', async (t) => {
    const { box, tools, model, handler, paid } = await scene(t, [
      { tools: [10, 140, 20].map((amount) => ({ name: 'pay', args: { amount } })) },
      DONE,
    ]);
    await createAgent({ model, tools: [...tools] }).invoke(QUESTION, { callbacks: [handler] });
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

  it('do not mix when they run at once with one handler, though their models name calls alike', async (t) => {
    const { box, tools, handler, tally } = await scene(t, []);
    const one = async (thread: string) => {
      const served = await serveModel(SCRIPT);
      const middleware = thread === 'b' ? [] : [tallyMiddleware({ tally })];
      const agent = createAgent({ model: chat(served.url), tools: [...tools], middleware });
      await agent.invoke(QUESTION, { callbacks: [handler], configurable: { thread_id: thread } });
      await served.close();
    };
    await Promise.all(['a', 'b', 'c'].map(one));
    const starts = box.entries('run.start');
    assert.equal(starts.length, 3);
    for (const { run_id } of starts)
      assert.deepEqual(shape(box.entries().filter((entry) => entry.run_id === run_id)), STORY);
    assert.deepEqual(starts.map(({ session_id }) => session_id).toSorted(), ['a', 'b', 'c']);
    assertPairs(box);
  });

  it('are recorded once where two handlers hear the same', async (t) => {
    const { box, tally, tools, served, handler, paid } = await scene(t, SCRIPT);
    const model = chat(served.url);
    model.callbacks = [tallyHandler({ tally })];
    const agent = createAgent({ model, tools: [...tools] });
    await agent.invoke(QUESTION, { callbacks: [handler, tallyHandler({ tally })] });
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), STORY);
    assert.equal(box.entries('model.call').length, SCRIPT.length);
    assertPairs(box);
  });

  it('are watched only, where the handler is told so', async (t) => {
    const { box, tally, tools, model, paid } = await scene(t, [call('pay', { amount: 140 }), DONE]);
    const handler = tallyHandler({ tally, enforce: false });
    await createAgent({ model, tools: [...tools] }).invoke(QUESTION, { callbacks: [handler] });
    assert.deepEqual(paid, [140]);
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'tool.call pay self_reported',
      'tool.result pay ok self_reported',
      'run.end ok enforced',
    ]);
    assertPairs(box);
  });
});

describe('tools of LangChain', () => {
  it('are decided on what the function gets, where they are guarded, and on what was asked for, where they are heard', async (t) => {
    const { box, tally, tools, handler } = await scene(t, []);
    const [, pay] = tools;
    const guarded = guardTool(pay, { tally });
    assert.notEqual(guarded, pay);
    assert.equal(guardTool(guarded, { tally }), guarded);
    await tally.run(async () => {
      await guarded.invoke({ amount: 10 });
      await guarded.invoke({ amount: 10, currency: 'EUR' });
      await pay.invoke({ amount: 10 }, { callbacks: [handler] });
      await pay.invoke({ amount: 10, currency: 'EUR' }, { callbacks: [handler] });
    });
    const [one, other, asked, whole] = box.entries('tool.call').map(({ action }) => action?.args_hash);
    assert.equal(one, other);
    assert.notEqual(asked, one);
    assert.equal(whole, one);
  });

  it('throw where nobody makes an answer of it', async (t) => {
    const { tally, tools, paid, handler, box } = await scene(t, []);
    const [, pay] = tools;
    await assert.rejects(guardTool(pay, { tally }).invoke({ amount: 140 }), { code: 'STOPPED' });
    await assert.rejects(pay.invoke({ amount: 140 }, { callbacks: [handler] }), { code: 'STOPPED' });
    assert.deepEqual(paid, []);
    assert.equal(box.entries('run.end').length, 2);
    assertPairs(box);
  });

  it('in a graph of one’s own are guarded in its ToolNode', async (t) => {
    const { box, tally, tools, model, handler, paid, served } = await scene(t, SCRIPT);
    const guarded = guardTools([...tools], { tally });
    const bound = model.bindTools(guarded);
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('agent', async ({ messages }) => ({ messages: await bound.invoke(messages) }))
      .addNode('tools', new ToolNode(guarded))
      .addEdge('__start__', 'agent')
      .addConditionalEdges('agent', ({ messages }) => {
        const last = messages.at(-1) as { tool_calls?: unknown[] } | undefined;
        return (last?.tool_calls?.length ?? 0) > 0 ? 'tools' : '__end__';
      })
      .addEdge('tools', 'agent')
      .compile();
    await graph.invoke(QUESTION, { callbacks: [handler] });
    assert.deepEqual(paid, [40]);
    assert.deepEqual(shape(box.entries()), STORY);
    assert.match(served.asked[2] ?? '', /pay is stopped/);
    assertPairs(box);
  });

  it('that ask a model have what it is asked below them', async (t) => {
    const { box, tally, served, handler } = await scene(t, [{ text: 'maybe' }, { text: 'sure' }]);
    const model = chat(served.url);
    const ask = tool(async ({ q }: { q: string }, config) => (await model.invoke(q, config)).text, {
      name: 'ask',
      description: 'asks',
      schema: z.object({ q: z.string() }),
    });
    await ask.invoke({ q: 'well?' }, { callbacks: [handler] });
    await guardTool(ask, { tally }).invoke({ q: 'well?' }, { callbacks: [handler] });
    const acts = box.entries('tool.call').map(({ id }) => id);
    assert.deepEqual(
      box.entries('model.call').map(({ parent_id }) => parent_id),
      acts,
    );
    assertPairs(box);
  });

  it('that stream are over when the last piece is taken', async (t) => {
    const { box, tally } = await scene(t, []);
    const slow = tool(
      async function* () {
        yield 'a';
        yield 'b';
        return 'all';
      },
      { name: 'slow', description: 'streams', schema: z.object({}) },
    );
    assert.equal(await guardTool(slow, { tally }).invoke({}), 'all');
    assert.equal(box.entries('tool.result')[0]?.outcome?.status, 'ok');
    assertPairs(box);
  });
});

describe('what a person has to allow', () => {
  const interrupting = async (t: TestContext) => {
    const scened = await scene(t, [call('pay', { amount: 60 }), DONE]);
    const { tally, model, tools, handler } = scened;
    const agent = createAgent({
      model,
      tools: [...tools],
      middleware: [tallyMiddleware({ tally })],
      checkpointer: new MemorySaver(),
    });
    const config = { callbacks: [handler], configurable: { thread_id: 'one' } };
    const first = (await agent.invoke(QUESTION, config)) as {
      __interrupt__?: { value: { approval: string } }[];
    };
    return { ...scened, agent, config, first };
  };

  it('interrupts the graph, and goes on when it was granted', async (t) => {
    const { box, agent, config, first, paid } = await interrupting(t);
    const [asked] = box.entries('approval.request');
    assert.equal(first.__interrupt__?.[0]?.value.approval, asked?.id);
    assert.deepEqual(paid, []);
    await box.answer('grant');
    await agent.invoke(new Command({ resume: 'approve' }), config);
    assert.deepEqual(paid, [60]);
    assert.deepEqual(shape(box.entries()), [
      'run.start enforced',
      'tool.call pay approval_required enforced',
      'tool.result pay pending enforced',
      'run.end ok enforced',
      'run.start enforced',
      'tool.call pay allow enforced',
      'tool.result pay ok enforced',
      'run.end ok enforced',
    ]);
    assertPairs(box);
  });

  it('is not done on the word of the program alone, and what it said is on record', async (t) => {
    const { box, agent, config, paid, served } = await interrupting(t);
    await agent.invoke(new Command({ resume: 'approve' }), config);
    assert.deepEqual(paid, []);
    const said = box.entries('custom').find(({ action }) => action?.name === 'human.approval');
    assert.deepEqual([said?.metadata?.approved, said?.metadata?.what], [true, 'pay']);
    assert.match(served.asked.at(-1) ?? '', /waiting/);
    assertPairs(box);
  });

  it('is not done when a person said no', async (t) => {
    const { box, agent, config, paid, served } = await interrupting(t);
    await agent.invoke(new Command({ resume: { type: 'reject' } }), config);
    assert.deepEqual(paid, []);
    const said = box.entries('custom').find(({ action }) => action?.name === 'human.approval');
    assert.equal(said?.metadata?.approved, false);
    assert.match(served.asked.at(-1) ?? '', /rejected/);
    assertPairs(box);
  });

  it('is waited for in place, where no graph can be interrupted', async (t) => {
    const { box, tools, model, handler, paid } = await scene(t, [call('pay', { amount: 60 }), DONE]);
    const running = createAgent({ model, tools: [...tools] }).invoke(QUESTION, { callbacks: [handler] });
    await until(() => box.entries('approval.request').length === 1);
    await box.answer('grant');
    await running;
    assert.deepEqual(paid, [60]);
    assertPairs(box);
  });
});
