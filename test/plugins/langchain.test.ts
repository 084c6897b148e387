/** LangChain.js as it is installed, against a scripted model, over a real hand-over socket. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { BaseRetriever } from '@langchain/core/retrievers';
import { RunnableLambda } from '@langchain/core/runnables';
import { Command, MemorySaver, MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';
import { type Said, serveModel } from '../../examples/frameworks/model.ts';
import { guardTool, guardTools, tallyHandler, tallyMiddleware } from '../../src/plugins/langchain.ts';
import { stage, until } from '../sdk/stage.ts';
import { assertPairs, call, DONE, POLICY, shape } from './glance.ts';

process.env.LANGSMITH_TRACING = 'false';

const QUESTION = { messages: [{ role: 'user', content: 'hello' }] };

async function scene(t: TestContext, script: readonly Said[]) {
  const box = await stage(t, { policy: POLICY });
  const served = await serveModel(script);
  t.after(() => served.close());
  const paid: number[] = [];
  const tools = [
    tool(({ order }: { order: string }) => ({ order }), {
      name: 'find',
      description: 'finds',
      schema: z.object({ order: z.string() }),
    }),
    tool(
      ({ amount }: { amount: number }) => {
        paid.push(amount);
        return `paid ${amount}`;
      },
      {
        name: 'pay',
        description: 'pays',
        schema: z.object({ amount: z.number(), currency: z.string().default('EUR') }),
      },
    ),
    tool(
      () => {
        throw new RangeError('out of order');
      },
      { name: 'boom', description: 'fails', schema: z.object({}) },
    ),
  ] as const;
  const model = chat(served.url);
  const { tally } = box;
  return { box, tally, served, paid, tools, model, handler: tallyHandler({ tally }) };
}

const chat = (url: string) =>
  new ChatOpenAI({
    model: 'm1',
    apiKey: 'none',
    configuration: { baseURL: url },
    maxRetries: 0,
    streamUsage: true,
  });

const STORY = [
  'run.start enforced',
  'tool.call find allow enforced',
  'tool.result find ok enforced',
  'tool.call pay stop enforced',
  'tool.result pay blocked enforced',
  'tool.call pay allow enforced',
  'tool.result pay ok enforced',
  'run.end ok enforced',
];
const SCRIPT = [
  call('find', { order: 'o1' }),
  call('pay', { amount: 140 }),
  call('pay', { amount: 40 }),
  DONE,
];

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

describe('chains of LangChain', () => {
  it('are one run, with the retrievals in it', async (t) => {
    const { box, handler } = await scene(t, []);
    class Shelf extends BaseRetriever {
      lc_namespace = ['test'];
      override async _getRelevantDocuments(query: string) {
        if (query === 'fire') throw new Error('no such shelf');
        return [{ pageContent: 'page one', metadata: {} }];
      }
    }
    const shelf = new Shelf();
    const chain = RunnableLambda.from(async (query: string, config) =>
      shelf.invoke(query, config),
    ).withConfig({
      runName: 'look-up',
    });
    await chain.invoke('order', { callbacks: [handler] });
    await assert.rejects(chain.invoke('fire', { callbacks: [handler] }));
    assert.deepEqual(
      shape(box.entries()).filter((line) => !line.startsWith('run.start')),
      [
        'retrieval.query Shelf self_reported',
        'retrieval.result Shelf ok self_reported',
        'run.end ok enforced',
        'retrieval.query Shelf self_reported',
        'retrieval.result Shelf error self_reported',
        'run.end error enforced',
      ],
    );
    assert.equal(box.entries('run.start')[0]?.metadata?.workflow_name, 'look-up');
  });

  it('do not begin where nothing can be recorded', async (t) => {
    const { box, tools, model, handler, served } = await scene(t, [DONE]);
    await box.down();
    const agent = createAgent({ model, tools: [...tools] });
    await assert.rejects(agent.invoke(QUESTION, { callbacks: [handler] }), /could not be recorded/);
    assert.equal(served.asked.length, 0);
    await box.up();
  });

  it('that are aborted say so, with what was streamed until then', async (t) => {
    const { box, handler } = await scene(t, []);
    const served = await serveModel([{ text: 'a long answer' }]);
    t.after(() => served.close());
    const abort = new AbortController();
    const stream = await chat(served.url).stream('go on', { signal: abort.signal, callbacks: [handler] });
    await assert.rejects(async () => {
      for await (const _ of stream) abort.abort();
    });
    await until(() => box.entries('run.end').length === 1);
    const [end] = box.entries('model.response');
    assert.deepEqual(
      [end?.outcome?.status, end?.metadata?.streamed, box.entries('run.end')[0]?.outcome?.status],
      ['aborted', 'in part', 'aborted'],
    );
    assertPairs(box);
  });

  it('that are aborted in a tool say so, whatever the abort was given as its reason', async (t) => {
    for (const reason of [undefined, 'a reason']) {
      const { box, handler, model, tally } = await scene(t, [call('slow', {}), DONE]);
      const abort = new AbortController();
      const slow = tool(
        async (_args, config) => {
          abort.abort(reason);
          (config as { signal?: AbortSignal }).signal?.throwIfAborted();
          return 'never';
        },
        { name: 'slow', description: 'is cut', schema: z.object({}) },
      );
      const agent = createAgent({ model, tools: [slow], middleware: [tallyMiddleware({ tally })] });
      await assert.rejects(agent.invoke(QUESTION, { callbacks: [handler], signal: abort.signal }));
      await until(() => box.entries('run.end').length === 1 && box.entries('tool.result').length === 1);
      for (const type of ['run.end', 'tool.result'])
        assert.equal(box.entries(type)[0]?.outcome?.status, 'aborted', type);
      assertPairs(box);
    }
  });

  it('that are dropped by their program end as aborted', async (t) => {
    const { box, handler, model } = await scene(t, [{ text: 'a long answer' }]);
    const agent = createAgent({ model, tools: [] });
    const stream = await agent.stream(QUESTION, { callbacks: [handler], streamMode: 'messages' });
    for await (const _ of stream) break;
    await until(() => box.entries('run.end').length === 1);
    const [response] = box.entries('model.response');
    const [end] = box.entries('run.end');
    assert.deepEqual(
      [response, end].map((one) => [one?.outcome?.status, one?.outcome?.error_kind]),
      [1, 2].map(() => ['aborted', 'not_told']),
    );
    assertPairs(box);
  });

  it('that fail have the end of a tool that went on', async (t) => {
    const { box, handler } = await scene(t, []);
    let finish: (given: string) => void = () => undefined;
    const slow = tool(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
      {
        name: 'slow',
        description: 'takes long',
        schema: z.object({}),
      },
    );
    const chain = RunnableLambda.from(async (_input: string, config) => {
      void slow.invoke({}, config);
      await until(() => box.entries('tool.call').length === 1);
      throw new RangeError('out of order');
    });
    await assert.rejects(chain.invoke('x', { callbacks: [handler] }), /out of order/);
    assert.equal(box.entries('run.end')[0]?.outcome?.status, 'error');
    assert.equal(box.entries('tool.result').length, 0);
    finish('done');
    await until(() => box.entries('tool.result').length === 1);
    assert.equal(box.entries('tool.result')[0]?.outcome?.status, 'ok');
    assertPairs(box);
  });

  it('that stream have usage and one answer', async (t) => {
    const { box, tools, handler, served, tally } = await scene(t, SCRIPT);
    const agent = createAgent({
      model: chat(served.url),
      tools: [...tools],
      middleware: [tallyMiddleware({ tally })],
    });
    const stream = await agent.stream(QUESTION, { callbacks: [handler], streamMode: 'messages' });
    for await (const _ of stream);
    assert.deepEqual(shape(box.entries()), STORY);
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.usage),
      SCRIPT.map(() => ({ input_tokens: 20, output_tokens: 7 })),
    );
    assertPairs(box);
  });
});
