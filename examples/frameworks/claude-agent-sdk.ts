/**
 * The support agent of story.ts with the Claude Agent SDK. What records it, and decides its tools, is `withTally` around
 * the options. The SDK's own program is run against a scripted model on this machine.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSdkMcpServer, query, tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { withTally } from '../../src/plugins/claude-agent-sdk.ts'; // in your project: from 'tallystick/claude-agent-sdk'
import { createTally, type Tally } from '../../src/sdk.ts'; // in your project: from 'tallystick/sdk'
import { show } from '../show.ts';
import { type Block, serveClaude } from './claude-api.ts';
import { INSTRUCTIONS, openShop, QUESTION, SCRIPT } from './story.ts';

type Shop = ReturnType<typeof openShop>;

/** The agent as people write it: nothing here knows of any record. Its tools are called mcp__shop__…, as the SDK has it. */
function agent(
  shop: Shop,
  surroundings: { readonly cwd: string; readonly env: Record<string, string | undefined> },
) {
  const said = (value: object) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
  const order = z.string();
  return {
    systemPrompt: INSTRUCTIONS,
    model: 'scripted-1',
    // No tool of the program's own, and no settings of this machine.
    tools: [],
    settingSources: [],
    allowedTools: ['mcp__shop'],
    mcpServers: {
      shop: createSdkMcpServer({
        name: 'shop',
        tools: [
          tool('order_find', 'Looks an order up.', { order }, async (args: { order: string }) =>
            said(shop.find(args)),
          ),
          tool(
            'refund_create',
            'Gives money back.',
            { order, amount: z.number() },
            async (args: { order: string; amount: number }) => said(shop.refund(args)),
          ),
        ],
      }),
    },
    ...surroundings,
  };
}

export async function support(
  tally: Tally,
  shop: Shop,
  question: string,
  surroundings: Parameters<typeof agent>[1],
): Promise<string> {
  let answer = '';
  for await (const message of query({
    prompt: question,
    options: withTally(agent(shop, surroundings), { tally, agent: 'support-bot' }),
  }))
    if (message.type === 'result') answer = message.result ?? '';
  return answer;
}

/** The story as this model says it. */
const TURNS: readonly (readonly Block[])[] = SCRIPT.map(({ text, tools = [] }, turn) => [
  ...(text === undefined ? [] : [{ type: 'text' as const, text }]),
  ...tools.map(({ name, args }, index) => ({
    type: 'tool_use' as const,
    id: `toolu_${turn}_${index}`,
    name: `mcp__shop__${name}`,
    input: args,
  })),
]);

/** What the agent answered, and what the shop really did; the log is then in `home`. */
export async function play(
  home: string,
): Promise<{ readonly answer: string; readonly done: readonly string[] }> {
  cpSync(fileURLToPath(new URL('policy.yaml', import.meta.url)), join(home, 'tally.policy.yaml'));
  const cwd = join(home, 'work');
  mkdirSync(cwd);
  const model = await serveClaude(TURNS);
  const tally = createTally({ home, transport: 'embedded' });
  const shop = openShop();
  // Nothing of this machine's own Claude Code is used, and nobody but the scripted model is called.
  const env = {
    PATH: process.env.PATH,
    HOME: cwd,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
  };
  try {
    return { answer: await support(tally, shop, QUESTION, { cwd, env }), done: shop.done };
  } finally {
    await tally.close();
    await model.close();
  }
}

if (import.meta.main)
  await show(async (home) => {
    const { answer, done } = await play(home);
    return `${answer}\nThe shop: ${done.join(', ')}`;
  });
