/** Plays the agent against a scripted model, in a home of its own, and prints what stands in the log. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTally } from '../../src/sdk.ts';
import { show } from '../show.ts';
import { support } from './agent.ts';
import { serveModel } from './model.ts';

export const QUESTION = 'My order o_7 broke. My card is 4111 1111 1111 1111, please refund 140.';

/** The answer of the agent, whose log is then in `home`. */
export async function play(home: string): Promise<string> {
  cpSync(fileURLToPath(new URL('policy.yaml', import.meta.url)), join(home, 'tally.policy.yaml'));
  const model = await serveModel([
    { tool: { name: 'order.find', args: { order: 'o_7' } } },
    { tool: { name: 'refund.create', args: { order: 'o_7', amount: 140 } } },
    { tool: { name: 'refund.create', args: { order: 'o_7', amount: 100 } } },
    { text: 'I refunded 100; a colleague will look at the rest.' },
  ]);
  const tally = createTally({ agent: 'support-bot', home, transport: 'embedded' });
  try {
    return await support(tally, model.url, QUESTION);
  } finally {
    await tally.close();
    await model.close();
  }
}

if (import.meta.main) await show(play);
