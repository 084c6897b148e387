/**
 * The support agent of story.ts, written with the OpenAI Agents SDK. What Tallystick adds: a processor beside the SDK's
 * traces, and `guardAgent` around the agent.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, OpenAIProvider, Runner, setTraceProcessors, tool } from '@openai/agents';
import { z } from 'zod';
// In your project: from 'tallystick/openai-agents', and from 'tallystick/sdk'.
import { guardAgent, tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { createTally, type Tally } from '../../src/sdk.ts';
import { show } from '../show.ts';
import { serveModel } from './model.ts';
import { INSTRUCTIONS, openShop, QUESTION, SCRIPT } from './story.ts';

type Shop = ReturnType<typeof openShop>;

/** An agent as people write them; nothing here knows of any record. */
export function supportAgent(shop: Shop) {
  return new Agent({
    name: 'support',
    instructions: INSTRUCTIONS,
    model: 'scripted-1',
    tools: [
      tool({
        name: 'order_find',
        description: 'Looks an order up.',
        parameters: z.object({ order: z.string() }),
        execute: shop.find,
      }),
      tool({
        name: 'refund_create',
        description: 'Gives money back.',
        parameters: z.object({ order: z.string(), amount: z.number() }),
        execute: shop.refund,
      }),
    ],
  });
}

export async function support(tally: Tally, model: string, shop: Shop, question: string): Promise<string> {
  // In place of the SDK's own exporter, which would send the traces to OpenAI; addTraceProcessor() keeps both.
  setTraceProcessors([tallyProcessor({ tally })]);
  const runner = new Runner({
    modelProvider: new OpenAIProvider({ apiKey: 'none', baseURL: model, useResponses: false }),
  });
  const { finalOutput } = await runner.run(guardAgent(supportAgent(shop), { tally }), question);
  return finalOutput ?? '';
}

/** What the agent answered, and what the shop really did; the log is then in `home`. */
export async function play(
  home: string,
): Promise<{ readonly answer: string; readonly done: readonly string[] }> {
  cpSync(fileURLToPath(new URL('policy.yaml', import.meta.url)), join(home, 'tally.policy.yaml'));
  const model = await serveModel(SCRIPT);
  const tally = createTally({ agent: 'support-bot', home, transport: 'embedded' });
  const shop = openShop();
  try {
    return { answer: await support(tally, model.url, shop, QUESTION), done: shop.done };
  } finally {
    await tally.close();
    await model.close();
  }
}

if (import.meta.main) await show(async (home) => (await play(home)).answer);
