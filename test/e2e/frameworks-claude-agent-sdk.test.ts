/**
 * Real agents of the Claude Agent SDK against a scripted API: the example, and what is decided and recorded when others
 * have a say too. The package is taken from the folder that TALLY_TEST_CLAUDE_SDK names (with node_modules in it); without
 * it they are skipped.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Block, serveClaude } from '../../examples/frameworks/claude-api.ts';
import { ANSWER } from '../../examples/frameworks/story.ts';
import { withTally } from '../../src/plugins/claude-agent-sdk.ts';
import { createTally, type TallyOptions } from '../../src/sdk.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome } from '../support/home.ts';

const PACKAGE = '@anthropic-ai/claude-agent-sdk';
const folder = process.env.TALLY_TEST_CLAUDE_SDK ?? '';
const isMissing = !existsSync(join(folder, 'node_modules', PACKAGE));

/** As if it were imported from there. */
const PARENT = pathToFileURL(join(folder, 'package.json')).href;

const POLICY = `version: "1"
allowlist: []
facts: { command: args.command }
rules:
  - { id: no-forbidden, when: 'action.name == "Bash" && facts.command.contains("forbidden")', decision: stop, reason: forbidden_word }
  - { id: ask, when: 'action.name == "Bash" && facts.command.contains("careful")', decision: approval_required }
approvals: { hold: 1s }
`;

interface Stored {
  readonly type: string;
  readonly phase: string;
  readonly run_id?: string;
  readonly parent_id?: string;
  readonly id: string;
  readonly actor?: { readonly agent_id?: string; readonly delegation_chain?: readonly string[] };
  readonly action?: { readonly name: string; readonly args_hash?: string };
  readonly decision?: { readonly outcome: string };
  readonly outcome?: { readonly status: string; readonly error_kind?: string; readonly error?: string };
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly source: { readonly surface: string; readonly assurance: string };
}

type Answer = Readonly<Record<string, unknown>>;

const preToolUse = (said: Answer): Answer => ({
  hookSpecificOutput: { hookEventName: 'PreToolUse', ...said },
});

describe('an agent of the Claude Agent SDK', {
  skip:
    isMissing &&
    'no @anthropic-ai/claude-agent-sdk: install it apart, name its folder in TALLY_TEST_CLAUDE_SDK',
}, () => {
  const resolving = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, specifier === PACKAGE ? { ...context, parentURL: PARENT } : context),
  });
  let home: Home;
  let runs = 0;
  before(async () => {
    home = await makeHome();
  });
  after(async () => {
    resolving.deregister();
    await home.remove();
  });

  /** What happened in a log of its own, and what came of the files that the commands touch. */
  async function agent(
    turns: (file: (name: string) => string) => readonly (readonly Block[])[],
    options: Readonly<Record<string, unknown>> = {},
    settings: { readonly tally?: TallyOptions; readonly change?: (made: object) => object } = {},
  ): Promise<{
    readonly entries: readonly Stored[];
    readonly calls: readonly string[];
    readonly did: (name: string) => boolean;
    readonly said: string;
  }> {
    const { query } = await import('@anthropic-ai/claude-agent-sdk');
    const state = join(home.directory, `log-${++runs}`);
    const cwd = join(home.directory, `work-${runs}`);
    for (const path of [state, cwd]) await mkdir(path, { mode: 0o700 });
    await writeFile(join(state, 'tally.policy.yaml'), POLICY);
    const api = await serveClaude(turns((name) => join(cwd, name)));
    const tally = createTally({
      home: state,
      transport: 'embedded',
      onWarning: () => undefined,
      ...settings.tally,
    });
    const made = withTally(
      {
        model: 'scripted-1',
        settingSources: [],
        allowedTools: ['Bash'],
        cwd,
        env: {
          PATH: process.env.PATH,
          HOME: cwd,
          TMPDIR: cwd,
          ANTHROPIC_BASE_URL: api.url,
          ANTHROPIC_API_KEY: 'none',
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
          DISABLE_TELEMETRY: '1',
          DISABLE_ERROR_REPORTING: '1',
          DISABLE_AUTOUPDATER: '1',
        },
        ...options,
      },
      { tally },
    );
    const said: string[] = [];
    try {
      for await (const message of query({ prompt: 'do it', options: (settings.change ?? same)(made) }))
        said.push(JSON.stringify(message));
    } finally {
      await tally.close();
      await api.close();
    }
    const entries = existsSync(join(state, 'logs')) ? (entriesIn(state) as unknown as readonly Stored[]) : [];
    return {
      entries,
      calls: entries.filter(({ type }) => type.startsWith('tool.')).map(line),
      did: (name) => existsSync(join(cwd, name)),
      said: said.join('\n'),
    };
  }

  it('tells the story of the example: two tools run, one is stopped, and the answer is on record', async () => {
    const { play } = await import('../../examples/frameworks/claude-agent-sdk.ts');
    await mkdir(home.paths.state, { mode: 0o700 });
    const { answer, done } = await play(home.paths.state);
    assert.equal(answer, ANSWER);
    assert.deepEqual(done, ['found o_7', 'refunded 100']);
    const entries = entriesIn(home.paths.state) as unknown as readonly Stored[];
    assert.deepEqual(entries.filter(({ source }) => source.surface === 'sdk').map(line), [
      'run.start point',
      'user.message point',
      'tool.call pre_exec mcp.shop.order_find allow',
      'tool.result post_exec mcp.shop.order_find ok',
      'tool.call pre_exec mcp.shop.refund_create stop',
      'tool.result post_exec mcp.shop.refund_create blocked refund_over_limit',
      'tool.call pre_exec mcp.shop.refund_create allow',
      'tool.result post_exec mcp.shop.refund_create ok',
      'model.response point ok',
      'run.end point ok',
    ]);
    const verified = await home.tally(['verify', '--completeness']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });

  it('is held: what the policy stops does not run, and neither does what we fail to decide on', async () => {
    const bad = await agent((file) => [bash(`touch ${file('ran')}`), bash(`touch ${file('forbidden')}`)]);
    assert.deepEqual(bad.calls, [
      'tool.call pre_exec Bash allow',
      'tool.result post_exec Bash ok',
      'tool.call pre_exec Bash stop',
      'tool.result post_exec Bash blocked forbidden_word',
    ]);
    assert.ok(bad.did('ran') && !bad.did('forbidden'));
    assert.match(bad.said, /Stopped by the policy of this machine/);
    for (const { type, source } of bad.entries)
      if (type.startsWith('tool.')) assert.equal(source.assurance, 'enforced');

    // An SDK that does not know of that goes on when a callback fails: what it is asked is then not held.
    const older = await agent(
      (file) => [bash(`touch ${file('ran')}`)],
      {},
      { change: ours(({ hooks, timeout }) => ({ hooks, timeout })) },
    );
    assert.deepEqual(
      older.entries.flatMap(({ type, source }) => (type.startsWith('tool.') ? [source.assurance] : [])),
      ['observed', 'observed'],
    );

    // Our own callback fails, in whatever way.
    for (const fail of [() => Promise.reject(new Error('a bug')), async () => ({ hookSpecificOutput: 42 })]) {
      const broken = await agent(
        (file) => [bash(`touch ${file('ran')}`)],
        {},
        { change: ours((group) => ({ ...group, hooks: [fail] })) },
      );
      assert.ok(!broken.did('ran'));
    }
  });

  it('does nothing when nothing can be recorded: neither prompts nor tools get through', async () => {
    const { said, did } = await agent(
      (file) => [bash(`touch ${file('ran')}`)],
      {},
      { tally: { transport: 'socket' } },
    );
    assert.ok(!did('ran'));
    assert.match(said, /could not be recorded/);
    const tools = await agent(
      (file) => [bash(`touch ${file('ran')}`)],
      {},
      { tally: { transport: 'socket' }, change: without('UserPromptSubmit') },
    );
    assert.ok(!tools.did('ran'));
    assert.match(tools.said, /This was not done/);
  });

  it('waits for a person, and is told the command when none comes', async () => {
    const { calls, said, did } = await agent((file) => [bash(`touch ${file('careful')}`)]);
    assert.deepEqual(calls, [
      'tool.call pre_exec Bash approval_required',
      'tool.result post_exec Bash pending policy_approval_required',
    ]);
    assert.match(said, /tally approvals approve log_/);
    assert.ok(!did('careful'));
  });

  it('whose own hook denies a call has that on record, and nobody is asked', async () => {
    const denies = async (): Promise<Answer> => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return preToolUse({ permissionDecision: 'deny', permissionDecisionReason: 'not on a Friday' });
    };
    const { calls, entries, did, said } = await agent((file) => [bash(`touch ${file('careful')}`)], {
      hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [denies] }] },
    });
    assert.deepEqual(calls, ['tool.call point Bash blocked denied_by_hook']);
    const call = entries.find(({ type }) => type === 'tool.call');
    assert.equal(call?.outcome?.error, 'not on a Friday');
    assert.equal(call?.source.assurance, 'self_reported');
    assert.match(call?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
    assert.match(said, /not on a Friday/);
    assert.ok(!did('careful'));
  });

  it('is decided on with what would run, whoever changed it', async () => {
    const changed = (name: string) => (input: { readonly tool_input: { readonly command: string } }) =>
      input.tool_input.command.replace('ran', name);
    const hook = await agent((file) => [bash(`touch ${file('ran')}`)], {
      hooks: {
        PreToolUse: [
          {
            hooks: [
              async (input: { readonly tool_input: { readonly command: string } }) =>
                preToolUse({ updatedInput: { command: changed('forbidden')(input) } }),
            ],
          },
        ],
      },
    });
    assert.ok(!hook.did('forbidden') && !hook.did('ran'));
    assert.deepEqual(hook.calls, [
      'tool.call pre_exec Bash stop',
      'tool.result post_exec Bash blocked forbidden_word',
    ]);

    const asked = await agent((file) => [bash(`touch ${file('ran')}`)], {
      allowedTools: [],
      canUseTool: async (_tool: string, input: { readonly command: string }) => ({
        behavior: 'allow',
        updatedInput: { command: input.command.replace('ran', 'forbidden') },
      }),
    });
    assert.ok(!asked.did('forbidden') && !asked.did('ran'));
    assert.deepEqual(asked.calls, [
      'tool.call pre_exec Bash allow',
      'tool.result post_exec Bash aborted input_changed',
      'tool.call pre_exec Bash stop',
      'tool.result post_exec Bash blocked forbidden_word',
    ]);
  });

  it('has every refusal on record: of whoever is asked, and of the rules of the program', async () => {
    const asked = await agent((file) => [bash(`touch ${file('ran')}`)], {
      allowedTools: [],
      canUseTool: async () => ({ behavior: 'deny', message: 'no' }),
    });
    assert.deepEqual(asked.calls, [
      'tool.call pre_exec Bash allow',
      'tool.result post_exec Bash blocked denied_by_client',
    ]);
    const ruled = await agent((file) => [bash(`touch ${file('ran')}`)], { allowedTools: [] });
    assert.deepEqual(ruled.calls, ['tool.call pre_exec Bash allow', 'tool.result post_exec Bash blocked']);
    assert.equal(ruled.entries.find(({ type }) => type === 'tool.result')?.metadata?.told_by, 'transcript');
    assert.ok(!asked.did('ran') && !ruled.did('ran'));
  });

  it('hands a subagent no more than it has, in a run of its own', async () => {
    const { entries } = await agent(
      () => [
        [
          {
            type: 'tool_use',
            id: 'toolu_sub',
            name: 'Agent',
            input: { description: 'look', prompt: 'look', subagent_type: 'helper' },
          },
        ],
      ],
      { agents: { helper: { description: 'helps', prompt: 'You help.', tools: ['Bash'] } } },
    );
    const own = entries.filter(({ actor }) => actor?.agent_id === 'claude-agent-sdk/helper');
    assert.deepEqual(own.filter(({ type }) => type.startsWith('run.')).map(line), [
      'run.start point',
      'run.end point ok',
    ]);
    assert.deepEqual(own[0]?.actor?.delegation_chain, ['claude-agent-sdk']);
  });
});

const same = (options: object): object => options;

function line({ type, phase, action, decision, outcome }: Stored): string {
  return [type, phase, action?.name, decision?.outcome, outcome?.status, outcome?.error_kind]
    .filter((one) => one !== undefined)
    .join(' ');
}

let calls = 0;
const bash = (command: string): readonly Block[] => [
  { type: 'tool_use', id: `toolu_${++calls}`, name: 'Bash', input: { command } },
];

type Group = { readonly hooks: readonly unknown[]; readonly timeout?: number };
type Made = { readonly hooks: Readonly<Record<string, readonly Group[]>> };

/** The options with our hook before a call changed. */
function ours(change: (group: Group) => object): (made: object) => object {
  return (made) => {
    const { hooks } = made as Made;
    return { ...made, hooks: { ...hooks, PreToolUse: (hooks.PreToolUse ?? []).map(change) } };
  };
}

const without =
  (event: string) =>
  (made: object): object => {
    const { [event]: _taken, ...hooks } = (made as Made).hooks;
    return { ...made, hooks };
  };
