/**
 * The support agent with Vercel's AI SDK, once in one piece and once streamed. What records it, and decides its tools,
 * is one line: `registerTelemetry(tallyTelemetry())`.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, streamText, type Telemetry, tool } from 'ai';
import { z } from 'zod';
import { tallyTelemetry } from '../../src/plugins/ai-sdk.ts'; // in your project: from 'tallystick/ai-sdk'
import { createTally } from '../../src/sdk.ts'; // in your project: from 'tallystick/sdk'
import { show } from '../show.ts';
import { serveModel } from './model.ts';
import { INSTRUCTIONS, openShop, QUESTION, SCRIPT } from './story.ts';

/** The agent as people write it: nothing here knows of any record. */
export function agent(url: string, shop: ReturnType<typeof openShop>) {
  return {
    model: createOpenAICompatible({ name: 'local', baseURL: url, includeUsage: true }).chatModel(
      'scripted-1',
    ),
    instructions: INSTRUCTIONS,
    prompt: QUESTION,
    stopWhen: isStepCount(8),
    tools: {
      order_find: tool({
        description: 'Looks an order up.',
        inputSchema: z.object({ order: z.string() }),
        execute: (args) => shop.find(args),
      }),
      refund_create: tool({
        description: 'Pays money back.',
        inputSchema: z.object({ order: z.string(), amount: z.number() }),
        execute: (args) => shop.refund(args),
      }),
    },
  };
}

export interface Played {
  readonly answer: string;
  readonly streamed: string;
  /** What the shop did, by its own book. */
  readonly done: readonly string[];
}

/** The log of both is then in `home`. */
export async function play(home: string): Promise<Played> {
  cpSync(fileURLToPath(new URL('policy.yaml', import.meta.url)), join(home, 'tally.policy.yaml'));
  const tally = createTally({ agent: 'support-bot', home, transport: 'embedded' });
  // Everywhere with registerTelemetry(tallyTelemetry()); for some calls, as here:
  const telemetry: { integrations: Telemetry } = { integrations: tallyTelemetry({ tally }) };
  const shop = openShop();
  try {
    const one = await serveModel(SCRIPT);
    const { text: answer } = await generateText({ ...agent(one.url, shop), telemetry });
    await one.close();
    const two = await serveModel(SCRIPT);
    const stream = streamText({ ...agent(two.url, shop), telemetry });
    let streamed = '';
    for await (const part of stream.textStream) streamed += part;
    await two.close();
    return { answer, streamed, done: shop.done };
  } finally {
    await tally.close();
  }
}

if (import.meta.main)
  await show(async (home) => {
    const { answer, done } = await play(home);
    return `${answer}\nThe shop: ${done.join(', ')}`;
  });
