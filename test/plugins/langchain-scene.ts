/** Tools and a scripted model for LangChain.js, recorded over a real hand-over socket. */
import type { TestContext } from 'node:test';
import { ChatOpenAI } from '@langchain/openai';
import { tool } from 'langchain';
import { z } from 'zod';
import { type Said, serveModel } from '../../examples/frameworks/model.ts';
import { tallyHandler } from '../../src/plugins/langchain.ts';
import { stage } from '../sdk/stage.ts';
import { call, DONE, POLICY } from './glance.ts';

// Nothing leaves this machine.
process.env.LANGSMITH_TRACING = 'false';

export const QUESTION = { messages: [{ role: 'user', content: 'hello' }] };

export async function scene(t: TestContext, script: readonly Said[]) {
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

export const chat = (url: string) =>
  new ChatOpenAI({
    model: 'm1',
    apiKey: 'none',
    configuration: { baseURL: url },
    maxRetries: 0,
    streamUsage: true,
  });

export const STORY = [
  'run.start enforced',
  'tool.call find allow enforced',
  'tool.result find ok enforced',
  'tool.call pay stop enforced',
  'tool.result pay blocked enforced',
  'tool.call pay allow enforced',
  'tool.result pay ok enforced',
  'run.end ok enforced',
];
export const SCRIPT = [
  call('find', { order: 'o1' }),
  call('pay', { amount: 140 }),
  call('pay', { amount: 40 }),
  DONE,
];
