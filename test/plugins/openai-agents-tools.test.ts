/** Tools of the OpenAI Agents SDK that are no functions of the program: servers, shells, editors, agents in agents. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import {
  Agent,
  applyPatchTool,
  type MCPServer,
  OpenAIProvider,
  Runner,
  RunState,
  setTraceProcessors,
  shellTool,
} from '@openai/agents';
import { guardAgent, guardTool, tallyProcessor } from '../../src/plugins/openai-agents.ts';
import { assertPairs, call, DONE, shape } from './glance.ts';
import { over, scene } from './openai-scene.ts';

/** A server as the SDK wants one; what it was asked to do is in `asked`. Its members are private, as those of real ones. */
class Files implements MCPServer {
  readonly name = 'files';
  readonly cacheToolsList = false;
  readonly asked: string[] = [];
  #open = false;
  async connect() {
    this.#open = true;
  }
  async close() {
    this.#open = false;
  }
  async listTools() {
    return ['read_file', 'erase_file'].map((name) => ({
      name,
      description: name,
      inputSchema: {
        type: 'object' as const,
        properties: { path: { type: 'string' } },
        required: ['path'],
        additionalProperties: false,
      },
    }));
  }
  async callTool(name: string, args: Record<string, unknown> | null) {
    assert.ok(this.#open);
    this.asked.push(`${name} ${String(args?.path)}`);
    return [{ type: 'text' as const, text: 'content' }];
  }
  async invalidateToolsCache() {}
}

describe('tools of MCP servers', () => {
  it('are decided and recorded each, once, and their answer is what the model gets', async (t) => {
    const { box, runner, model } = await scene(t, [
      call('read_file', { path: 'a' }),
      call('erase_file', { path: 'a' }),
      DONE,
    ]);
    const files = new Files();
    await files.connect();
    const agent = new Agent({ name: 'desk', model: 'm1', mcpServers: [files] });
    await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    assert.deepEqual(files.asked, ['read_file a']);
    assert.deepEqual(
      shape(box.entries()).filter((line) => line.startsWith('tool')),
      [
        'tool.call read_file allow enforced',
        'tool.result read_file ok enforced',
        'tool.call erase_file stop enforced',
        'tool.result erase_file blocked enforced',
      ],
    );
    assert.equal(box.entries('tool.call')[0]?.action?.tool?.server, 'files');
    assert.match(model.asked.at(-1) ?? '', /no_shell/);
    assertPairs(box);
  });
});

describe('tools that the SDK carries out with an object of the program', () => {
  it('run nothing that was stopped, and are other objects than the ones that were given', async (t) => {
    const { box } = await scene(t, []);
    const ran: string[] = [];
    const given = shellTool({
      shell: {
        run: async (action) => {
          ran.push(action.commands.join());
          return { output: [] };
        },
      },
    });
    const guarded = guardTool(given, { tally: box.tally });
    assert.notEqual(guarded, given);
    await box.tally.run(async () => {
      await assert.rejects(
        async () => guarded.shell?.run({ commands: ['rm -r .'] }),
        (error: { code?: string }) => error.code === 'STOPPED',
      );
    });
    assert.equal(ran.length, 0);
    const note = (what: string): void => {
      ran.push(what);
    };
    const editor = {
      createFile: async () => note('create'),
      updateFile: async () => note('update'),
      deleteFile: async () => note('delete'),
    };
    const patch = guardTool(applyPatchTool({ editor }), { tally: box.tally });
    await box.tally.run(() => patch.editor.deleteFile({ type: 'delete_file', path: 'a' }));
    assert.deepEqual(ran, ['delete']);
    assert.deepEqual(
      box.entries('tool.call').map(({ action, decision }) => [action?.name, decision?.outcome]),
      [
        ['shell', 'stop'],
        ['apply_patch.deleteFile', 'allow'],
      ],
    );
    assertPairs(box);
  });

  it('are given back where the provider of the model carries them out', async (t) => {
    const { box } = await scene(t, []);
    const hosted = { type: 'hosted_tool' as const, name: 'web_search' };
    assert.equal(guardTool(hosted, { tally: box.tally }), hosted);
  });
});

describe('agents in agents', () => {
  it('are interrupted inside, and go on from the state as text', async (t) => {
    const { box, runner, tools, paid } = await scene(t, [
      call('ask_payer', { input: 'pay 60' }),
      call('pay', { amount: 60 }),
      { text: 'paid' },
      DONE,
    ]);
    const made = () => {
      const payer = guardAgent(new Agent({ name: 'payer', model: 'm1', tools: [tools.pay] }), {
        tally: box.tally,
      });
      const desk = new Agent({
        name: 'desk',
        model: 'm1',
        tools: [payer.asTool({ toolName: 'ask_payer', toolDescription: 'asks' })],
      });
      return guardAgent(desk, { tally: box.tally });
    };
    const result = await runner.run(made(), 'hello');
    assert.equal(result.interruptions.length, 1);
    assert.deepEqual(paid, []);
    const text = result.state.toString();
    await box.answer('grant');
    const again = made();
    const state = await RunState.fromString(again, text);
    for (const interruption of state.getInterruptions()) state.approve(interruption);
    await runner.run(again, state);
    await over(box, 4);
    assert.deepEqual(paid, [60]);
    assert.deepEqual([...new Set(box.entries('run.end').map(({ outcome }) => outcome?.status))], ['ok']);
    assert.deepEqual(
      box
        .entries('tool.call')
        .map(({ action, decision, actor }) => [action?.name, decision?.outcome, actor?.agent_id]),
      [
        ['ask_payer', 'allow', 'bot'],
        ['pay', 'approval_required', 'payer'],
        ['ask_payer', 'allow', 'bot'],
        ['pay', 'allow', 'payer'],
      ],
    );
    assertPairs(box);
  });
});

describe('the Responses API', () => {
  it('is told when its answer is there, with its model, its usage and what was said', async (t) => {
    const { box, agent } = await scene(t, []);
    const answers = [
      [{ type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'find', arguments: '{"order":"o1"}' }],
      [
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'done', annotations: [] }],
        },
      ],
    ];
    let turn = 0;
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.setHeader('Content-Type', 'application/json');
        const output = answers[turn++];
        const usage = { input_tokens: 20, output_tokens: 7, total_tokens: 27 };
        response.end(
          JSON.stringify({
            id: `r${turn}`,
            object: 'response',
            model: 'm1-2026',
            instructions: 'be kind',
            output,
            usage,
          }),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    setTraceProcessors([tallyProcessor({ tally: box.tally, provider: 'openai' })]);
    const runner = new Runner({
      modelProvider: new OpenAIProvider({ apiKey: 'none', baseURL: `http://127.0.0.1:${port}/v1` }),
    });
    const { finalOutput } = await runner.run(guardAgent(agent, { tally: box.tally }), 'hello');
    assert.equal(finalOutput, 'done');
    assert.deepEqual(
      box.entries('model.call').map(({ metadata }) => [metadata?.provider, metadata?.model]),
      [1, 2].map(() => ['openai', 'm1-2026']),
    );
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.usage),
      [1, 2].map(() => ({ input_tokens: 20, output_tokens: 7 })),
    );
    assert.equal(box.entries('user.message').length, 1);
    assert.equal(box.entries('system.instruction').length, 1);
    assert.equal(box.entries('tool.call')[0]?.source.assurance, 'enforced');
    assertPairs(box);
  });
});
