/**
 * The support agent of story.ts, written with LangChain.js. What Tallystick adds: a middleware, which guards the tools, and
 * a handler among the callbacks, which records the rest.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';
// In your project: from 'tallystick/langchain', and from 'tallystick/sdk'.
import { tallyHandler, tallyMiddleware } from '../../src/plugins/langchain.ts';
import { createTally, type Tally } from '../../src/sdk.ts';
import { show } from '../show.ts';
import { serveModel } from './model.ts';
import { INSTRUCTIONS, openShop, QUESTION, SCRIPT } from './story.ts';

type Shop = ReturnType<typeof openShop>;

/** Tools as people write them; nothing here knows of any record. */
export function shopTools(shop: Shop) {
  return [
    tool(shop.find, {
      name: 'order_find',
      description: 'Looks an order up.',
      schema: z.object({ order: z.string() }),
    }),
    tool(shop.refund, {
      name: 'refund_create',
      description: 'Gives money back.',
      schema: z.object({ order: z.string(), amount: z.number() }),
    }),
  ];
}

export function scriptedModel(url: string): ChatOpenAI {
  return new ChatOpenAI({
    model: 'scripted-1',
    apiKey: 'none',
    configuration: { baseURL: url },
    maxRetries: 0,
  });
}

export async function support(tally: Tally, model: string, shop: Shop, question: string): Promise<string> {
  const agent = createAgent({
    name: 'support',
    model: scriptedModel(model),
    tools: shopTools(shop),
    systemPrompt: INSTRUCTIONS,
    middleware: [tallyMiddleware({ tally })],
  });
  const { messages } = await agent.invoke(
    { messages: [{ role: 'user', content: question }] },
    { callbacks: [tallyHandler({ tally, agent: 'support-bot' })] },
  );
  return messages.at(-1)?.text ?? '';
}

/** What the agent answered, and what the shop really did; the log is then in `home`. */
export async function play(
  home: string,
): Promise<{ readonly answer: string; readonly done: readonly string[] }> {
  // LangSmith records only where it is switched on, with LANGSMITH_TRACING: here nothing leaves this machine.
  process.env.LANGSMITH_TRACING = 'false';
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
