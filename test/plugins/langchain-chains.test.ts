/** Chains and streams of LangChain.js as it is installed, and how they end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BaseRetriever } from '@langchain/core/retrievers';
import { RunnableLambda } from '@langchain/core/runnables';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';
import { serveModel } from '../../examples/frameworks/model.ts';
import { tallyMiddleware } from '../../src/plugins/langchain.ts';
import { until } from '../sdk/stage.ts';
import { assertPairs, call, DONE, shape } from './glance.ts';
import { chat, QUESTION, SCRIPT, STORY, scene } from './langchain-scene.ts';

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

  it('that fail while a tool is decided keep it from running', async (t) => {
    const { box, handler } = await scene(t, []);
    let ran = false;
    const slow = tool(
      () => {
        ran = true;
        return 'done';
      },
      { name: 'slow', description: 'is late', schema: z.object({}) },
    );
    let late: Promise<unknown> = Promise.resolve();
    const chain = RunnableLambda.from(async (_input: string, config) => {
      late = slow.invoke({}, config).catch((error: Error) => error.name);
      // The tool is being decided, in the run that is over when that is known.
      await new Promise((resolve) => setImmediate(resolve));
      throw new RangeError('out of order');
    });
    await assert.rejects(chain.invoke('x', { callbacks: [handler] }), /out of order/);
    const outcome = await late;
    await until(() => box.entries('tool.result').length === box.entries('tool.call').length);
    assert.equal(ran, outcome === 'done');
    assertPairs(box);
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

  it('that are dropped before a tool begins have nothing of it outside of their run', async (t) => {
    for (const isGuarded of [true, false]) {
      const { box, handler, model, tally, tools } = await scene(t, [call('find', { order: 'o1' }), DONE]);
      const middleware = isGuarded ? [tallyMiddleware({ tally })] : [];
      const agent = createAgent({ model, tools: [...tools], middleware });
      const stream = await agent.stream(QUESTION, { callbacks: [handler], streamMode: 'updates' });
      for await (const _ of stream) break;
      await until(() => box.entries('run.end').length > 0);
      // Whatever comes late.
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(
        box.entries('run.end').map(({ outcome }) => outcome?.status),
        ['aborted'],
      );
      assert.equal(box.entries().at(-1)?.type, 'run.end');
      assertPairs(box);
    }
  });

  it('that fail have the end of a tool that went on', async (t) => {
    const { box, handler } = await scene(t, []);
    let finish: ((given: string) => void) | undefined;
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
      await until(() => finish !== undefined);
      throw new RangeError('out of order');
    });
    await assert.rejects(chain.invoke('x', { callbacks: [handler] }), /out of order/);
    assert.equal(box.entries('run.end')[0]?.outcome?.status, 'error');
    assert.equal(box.entries('tool.result').length, 0);
    finish?.('done');
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
