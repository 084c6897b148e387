/**
 * A support agent as people write them: a model in a loop, and two tools. What the SDK adds is `tally.run` around it,
 * `guardTool` around the tools, and a line where the model is asked.
 */
import { type Run, StoppedError, type Tally } from '../../src/sdk.ts'; // in your project: from 'tallystick/sdk'
import type { Said } from './model.ts';

type Args = Readonly<Record<string, unknown>>;
type Tools = Readonly<Record<string, (args: Args) => Promise<unknown>>>;

/** What the shop really does; nothing here knows of any record. */
const shop = {
  findOrder: ({ order }: Args) => ({ order, state: 'delivered', paid: 140 }),
  createRefund: ({ order, amount }: Args) => ({ order, amount, receipt: 'rc_1' }),
};

export function support(tally: Tally, model: string, question: string): Promise<string> {
  const tools: Tools = {
    'order.find': tally.guardTool(shop.findOrder, { name: 'order.find' }),
    'refund.create': tally.guardTool(shop.createRefund, {
      name: 'refund.create',
      reason: 'asked for by kim@example.com',
    }),
  };
  return tally.run({ workflow: 'support', metadata: { channel: 'mail' } }, async (run) => {
    run.systemInstruction('You are kind, and you look before you promise.');
    run.userMessage(question);
    const messages: unknown[] = [{ role: 'user', content: question }];
    for (;;) {
      const { text, tool } = await ask(run, model, messages);
      if (tool === undefined) return text ?? '';
      messages.push({ role: 'tool', name: tool.name, content: await use(tools, tool) });
    }
  });
}

async function ask(run: Run, model: string, messages: readonly unknown[]): Promise<Said> {
  const call = run.modelCall({ provider: 'local', model: 'scripted-1', input: messages });
  const answer = await fetch(model, { method: 'POST', body: JSON.stringify({ messages }) });
  const { usage, ...said } = (await answer.json()) as Said & { usage: { input: number; output: number } };
  run.modelResponse(call, {
    output: said,
    usage: { inputTokens: usage.input, outputTokens: usage.output, costUsd: usage.output / 10_000 },
  });
  return said;
}

/** What is stopped is told to the model like any other answer: it may find another way. */
async function use(tools: Tools, { name, args }: NonNullable<Said['tool']>): Promise<unknown> {
  try {
    return await tools[name]?.(args);
  } catch (error) {
    if (error instanceof StoppedError) return { stopped: error.reason };
    throw error;
  }
}
