/** Spans in any order, with parents that never were: whatever the processor is told, nothing is left open. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { type Stage, stage } from '../sdk/stage.ts';
import { assertPairs } from './glance.ts';

const TYPES = [
  'task',
  'agent',
  'agent',
  'agent',
  'turn',
  'generation',
  'response',
  'function',
  'handoff',
  'guardrail',
  'custom',
  'mcp_tools',
  'new',
];
const ids = (prefix: string, count: number) =>
  fc.constantFrom(...Array.from({ length: count }, (_, i) => `${prefix}${i}`));

const step = fc.record({
  what: fc.constantFrom('start', 'end', 'open', 'close', 'open', 'close', 'open'),
  trace: ids('t', 2),
  span: ids('s', 5),
  above: fc.option(ids('s', 5), { nil: null }),
  type: fc.constantFrom(...TYPES),
  name: ids('a', 3),
  failed: fc.boolean(),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Processor = ReturnType<typeof tallyProcessor>;

function told({ trace, span, above, type, name, failed }: Step) {
  const spanData = {
    type,
    name,
    input: type === 'generation' ? [{ role: 'user', content: name }] : `{"order":"${name}"}`,
    output: type === 'generation' ? [{ usage: { prompt_tokens: 1, completion_tokens: 1 } }] : 'found',
  };
  const error = failed
    ? { message: 'Error in agent run', data: { error: 'RangeError: out of order' } }
    : null;
  return { traceId: trace, spanId: span, parentId: above, spanData, error, startedAt: null, endedAt: null };
}

async function play(processor: Processor, one: Step): Promise<void> {
  const trace = { traceId: one.trace, name: 'any', groupId: null, metadata: {} };
  type Told = Parameters<Processor['onSpanStart']>[0];
  const span = told(one) as unknown as Told;
  if (one.what === 'start') await processor.onTraceStart(trace as Parameters<Processor['onTraceStart']>[0]);
  else if (one.what === 'end') await processor.onTraceEnd(trace as Parameters<Processor['onTraceEnd']>[0]);
  else if (one.what === 'open') await processor.onSpanStart(span);
  else await processor.onSpanEnd(span);
}

/** Every run that began has one end, and is in the order of those below it. */
function assertRuns({ entries }: Stage): void {
  const begun = entries('run.start').map(({ run_id }) => run_id);
  const ended = entries('run.end').map(({ run_id }) => run_id);
  assert.deepEqual(ended.toSorted(), begun.toSorted());
}

it('leaves no run and no call open, in whatever order spans come', async (t) => {
  const box = await stage(t);
  const processor = tallyProcessor({ tally: box.tally });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 40 }), async (steps) => {
      for (const one of steps) await play(processor, one);
      await processor.shutdown();
      assertRuns(box);
      assertPairs(box);
    }),
    { numRuns: 25 },
  );
  assert.ok(box.entries('run.start').length > 10);
});
