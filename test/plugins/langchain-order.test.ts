/** Callbacks in any order, of steps that never began: whatever the handler is told, nothing is left open. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { tallyHandler } from '../../src/plugins/langchain.ts';
import { stage } from '../sdk/stage.ts';
import { assertPairs } from './glance.ts';

const IDS = Array.from({ length: 6 }, (_, i) => `s${i}`);
const id = fc.constantFrom(...IDS);

const step = fc.record({
  what: fc.constantFrom('start', 'start', 'start', 'end', 'error', 'token'),
  kind: fc.constantFrom('chain', 'chain', 'model', 'tool', 'retriever'),
  id,
  above: fc.option(id, { nil: undefined }),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Handler = ReturnType<typeof tallyHandler>;

const SAID = { generations: [[{ message: { type: 'ai', content: 'yes' } }]] };

async function start(handler: Handler, { kind, id: own, above }: Step): Promise<void> {
  if (kind === 'chain') return handler.handleChainStart({}, {}, own, above);
  if (kind === 'model')
    return handler.handleChatModelStart({}, [[{ type: 'human', content: 'hi' }]], own, above);
  if (kind === 'tool') return handler.handleToolStart({}, '{"order":"o1"}', own, above, [], {}, 'find');
  return handler.handleRetrieverStart({}, 'order', own, above);
}

async function end(handler: Handler, kind: Step['kind'], own: string): Promise<void> {
  if (kind === 'chain') return handler.handleChainEnd({}, own);
  if (kind === 'model') return handler.handleLLMEnd(SAID, own);
  if (kind === 'tool') return handler.handleToolEnd('found', own);
  return handler.handleRetrieverEnd([], own);
}

async function fail(handler: Handler, { kind, id: own }: Step): Promise<void> {
  const error = new RangeError('out of order');
  if (kind === 'chain') return handler.handleChainError(error, own);
  if (kind === 'model') return handler.handleLLMError(error, own);
  if (kind === 'tool') return handler.handleToolError(error, own);
  return handler.handleRetrieverError(error, own);
}

async function play(handler: Handler, one: Step): Promise<void> {
  // Below a tool that outlived its run, nothing begins any more.
  if (one.what === 'start')
    return start(handler, one).catch((error: Error) => assert.equal(error.name, 'AbortError'));
  if (one.what === 'end') return end(handler, one.kind, one.id);
  if (one.what === 'error') return fail(handler, one);
  return handler.handleLLMNewToken('x', {}, one.id);
}

it('leaves no run and no call open, in whatever order callbacks come', async (t) => {
  const box = await stage(t);
  const handler = tallyHandler({ tally: box.tally });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
      for (const one of steps) await play(handler, one);
      for (const kind of ['tool', 'model', 'retriever', 'chain'] as const)
        for (const own of IDS) await end(handler, kind, own);
      await box.tally.flush();
      const begun = box.entries('run.start').map(({ run_id }) => run_id);
      const ended = box.entries('run.end').map(({ run_id }) => run_id);
      assert.deepEqual(ended.toSorted(), begun.toSorted());
      assertPairs(box);
    }),
    { numRuns: 25 },
  );
  assert.ok(box.entries('run.start').length > 10);
});
