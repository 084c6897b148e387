/** An agent of the OpenAI Agents SDK in front of a scripted model, recorded over a real hand-over socket. */
import type { TestContext } from 'node:test';
import { Agent, OpenAIProvider, Runner, setTraceProcessors, tool } from '@openai/agents';
import { z } from 'zod';
import { type Said, serveModel } from '../../examples/frameworks/model.ts';
import { tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { type Stage, stage, until } from '../sdk/stage.ts';
import { POLICY } from './glance.ts';

export async function scene(t: TestContext, script: readonly Said[]) {
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
  return { box, model, runner, tools, agent, paid };
}

/** The SDK tells nobody when a trace that it went on with is over, and waits for nobody. */
export const over = (box: Stage, runs: number) => until(() => box.entries('run.end').length === runs);
