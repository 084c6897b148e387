/** A program whose agent is in the middle of a tool: it says so, and goes on for long. Its home is its argument. */
import { Agent, OpenAIProvider, Runner, setTraceProcessors, tool } from '@openai/agents';
import { z } from 'zod';
import { serveModel } from '../../examples/frameworks/model.ts';
import { guardAgent, tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { createTally } from '../../src/sdk.ts';

const tally = createTally({ agent: 'bot', home: process.argv[2] ?? '', transport: 'embedded' });
setTraceProcessors([tallyProcessor({ tally })]);
const model = await serveModel([{ tools: [{ name: 'slow', args: {} }] }]);
const slow = tool({
  name: 'slow',
  description: 'takes long',
  parameters: z.object({}),
  async execute() {
    process.stdout.write('slow\n');
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  },
});
const runner = new Runner({
  modelProvider: new OpenAIProvider({ apiKey: 'none', baseURL: model.url, useResponses: false }),
});
const agent = new Agent({ name: 'desk', model: 'm1', tools: [slow] });
await runner.run(guardAgent(agent, { tally }), 'hello');
