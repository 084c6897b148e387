/** The hooks of the Claude Agent SDK's plug-in, called as the SDK calls them; with the SDK itself: test/e2e. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { withTally } from '../../src/plugins/claude-agent-sdk.ts';
import { createTally, type Tally } from '../../src/sdk.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome, until } from '../support/home.ts';

type Callback = (
  input: unknown,
  id: string | undefined,
  context: { readonly signal: AbortSignal },
) => Promise<unknown>;
interface Group {
  readonly matcher?: string;
  readonly hooks: readonly Callback[];
  readonly onFailure?: string;
}
type Hooks = Readonly<Record<string, readonly Group[]>>;

interface Stored {
  readonly type: string;
  readonly phase: string;
  readonly session_id?: string;
  readonly run_id?: string;
  readonly parent_id?: string;
  readonly id: string;
  readonly action?: { readonly name: string; readonly args_hash?: string };
  readonly outcome?: { readonly status: string; readonly error_kind?: string };
}

const POLICY = `version: "1"
allowlist: []
tools: { Bash: { interactive: { permission: stop } } }
`;

describe('hooks behind the user’s own', () => {
  let home: Home;
  let tally: Tally;
  let sessions = 0;
  before(async () => {
    home = await makeHome();
    const { mkdir } = await import('node:fs/promises');
    await mkdir(home.paths.state, { recursive: true, mode: 0o700 });
    await writeFile(join(home.paths.state, 'tally.policy.yaml'), POLICY);
    tally = createTally({ home: home.paths.state, transport: 'embedded', onWarning: () => undefined });
  });
  after(async () => {
    await tally.close();
    await home.remove();
  });

  const all = (): readonly Stored[] => entriesIn(home.paths.state) as unknown as readonly Stored[];
  const entries = (session: string): readonly Stored[] => {
    const found = all();
    const begun = found.filter(({ type, session_id }) => type === 'run.start' && session_id === session);
    const own = new Set(begun.map(({ run_id }) => run_id));
    return found.filter(({ run_id }) => own.has(run_id));
  };
  const newSession = (): string => `session-${++sessions}`;
  const lines = (session: string): readonly string[] =>
    entries(session)
      .filter(({ type }) => type.startsWith('tool.'))
      .map(({ type, action, outcome }) => [type, action?.name, outcome?.status].join(' '));

  /** Asks all callbacks of an event at once, as the program does; gives what each of them answers. */
  function ask(options: object, event: string, value: Readonly<Record<string, unknown>>): Promise<unknown[]> {
    const { hooks } = options as { readonly hooks: Hooks };
    const { signal } = new AbortController();
    const id = typeof value.tool_use_id === 'string' ? value.tool_use_id : undefined;
    return Promise.all(
      (hooks[event] ?? []).flatMap((group) =>
        group.hooks.map((hook) => hook({ hook_event_name: event, ...value }, id, { signal })),
      ),
    );
  }

  it('leaves what it is handed as it is, keeps its order, and says that a failure of ours blocks', () => {
    const mine: Callback = async () => ({});
    const given = Object.freeze({
      model: 'm',
      hooks: Object.freeze({
        PreToolUse: [{ matcher: 'Bash', hooks: [mine] }],
        FileChanged: [{ hooks: [mine] }],
      }),
    });
    const made = withTally(given, { tally }) as unknown as { readonly model: string; readonly hooks: Hooks };
    assert.equal(made.model, 'm');
    assert.equal(given.hooks.PreToolUse.length, 1);
    assert.deepEqual(
      made.hooks.PreToolUse?.map(({ matcher, onFailure }) => [matcher, onFailure]),
      [
        ['Bash', undefined],
        [undefined, 'block'],
      ],
    );
    assert.equal(made.hooks.FileChanged, given.hooks.FileChanged);
    // By these a hook takes something over from the program.
    for (const event of ['WorktreeCreate', 'Elicitation', 'MessageDisplay'])
      assert.equal(made.hooks[event], undefined);
  });

  it('waits for the user’s callbacks, and passes on what they throw and say', async () => {
    const session_id = newSession();
    const call = { session_id, tool_name: 'Read', tool_input: { file_path: '/x' } };
    const slow = withTally(
      { hooks: { PreToolUse: [{ hooks: [() => Promise.reject(new Error('mine'))] }] } },
      { tally },
    );
    await assert.rejects(ask(slow, 'PreToolUse', { ...call, tool_use_id: 't1' }), /mine/);
    await until(() => (lines(session_id).length > 0 ? true : undefined), 'the decision');
    await ask(slow, 'PostToolUse', { ...call, tool_use_id: 't1', tool_response: 'x' });
    assert.deepEqual(lines(session_id), ['tool.call Read ', 'tool.result Read ok']);
  });

  it('takes a user’s own no for the user’s, and decides on what their hooks have made of the input', async () => {
    const session_id = newSession();
    const says =
      (said: object, ms = 0): Callback =>
      async () => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return { hookSpecificOutput: { hookEventName: 'PreToolUse', ...said } };
      };
    const asked = async (id: string, tool_name: string, ...theirs: readonly Callback[]): Promise<string> => {
      const made = withTally({ hooks: { PreToolUse: [{ hooks: theirs }] } }, { tally });
      const call = { session_id, tool_name, tool_input: { command: 'ls' }, tool_use_id: id };
      const answers = await ask(made, 'PreToolUse', call);
      await ask(made, 'SessionEnd', { session_id });
      return JSON.stringify(answers.at(-1));
    };
    // Bash would be stopped: nobody asks.
    assert.equal(await asked('t1', 'Bash', says({ permissionDecision: 'deny' }, 20)), '{}');
    assert.equal(
      await asked(
        't2',
        'Bash',
        says({ permissionDecision: 'allow' }),
        says({ permissionDecision: 'deny' }, 20),
      ),
      '{}',
    );
    const [a, b] = ['a', 'b'].map((command) => says({ updatedInput: { command } }, 10)) as [
      Callback,
      Callback,
    ];
    assert.match(await asked('t3', 'Read', a, b), /each in its own way/);
    assert.equal(await asked('t4', 'Read', a, a), '{}');
    const kinds = entries(session_id).flatMap(({ type, phase, outcome }) =>
      type === 'tool.call' ? [`${phase} ${outcome?.error_kind ?? ''}`] : [],
    );
    assert.deepEqual(kinds, [
      'point denied_by_hook',
      'point denied_by_hook',
      'point input_unclear',
      'pre_exec ',
    ]);
    const hashes = entries(session_id).flatMap(({ type, action }) =>
      type === 'tool.call' ? [action?.args_hash] : [],
    );
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[3], hashes[2]);
  });

  it('tells of calls that ran though they were stopped, of others than were decided on, and of unknown ones', async () => {
    const session_id = newSession();
    const options = withTally({}, { tally });
    const bash = { session_id, tool_name: 'Bash', tool_input: { command: 'ls' }, tool_use_id: 'b' };
    const [answer] = await ask(options, 'PreToolUse', bash);
    assert.match(JSON.stringify(answer), /"permissionDecision":"deny"/);
    await ask(options, 'PostToolUse', { ...bash, tool_response: 'x' });
    const read = { session_id, tool_name: 'Read', tool_input: { file_path: '/a' }, tool_use_id: 'r' };
    await ask(options, 'PreToolUse', read);
    await ask(options, 'PostToolUse', { ...read, tool_input: { file_path: '/b' }, tool_response: 'x' });
    await ask(options, 'PostToolUse', { ...read, tool_use_id: 'never', tool_response: 'x' });
    await ask(options, 'SessionEnd', { session_id });
    const told = entries(session_id).flatMap((entry) => {
      const { ran_though_stopped, ran_with_other_input, unpaired } =
        (entry as { metadata?: Record<string, unknown> }).metadata ?? {};
      const marks = { ran_though_stopped, ran_with_other_input, unpaired };
      return Object.entries(marks).flatMap(([name, mark]) => (mark === true ? [name] : []));
    });
    assert.deepEqual(told, ['ran_though_stopped', 'ran_with_other_input', 'unpaired']);
  });

  it('answers whatever it is handed, and leaves nothing open', async () => {
    const session_id = newSession();
    const options = withTally({}, { tally });
    const { hooks } = options as unknown as { readonly hooks: Hooks };
    const events = Object.keys(hooks).filter((event) => event !== 'SessionEnd');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...events),
        fc.record(
          {
            tool_name: fc.oneof(fc.constantFrom('Bash', 'Read', 'mcp__a__b'), fc.jsonValue()),
            tool_input: fc.jsonValue(),
            tool_use_id: fc.oneof(fc.constantFrom('t1', 't2', 't3'), fc.jsonValue()),
            tool_response: fc.jsonValue(),
            prompt: fc.jsonValue(),
            agent_id: fc.oneof(fc.constantFrom('a1', 'a2'), fc.jsonValue()),
            agent_type: fc.jsonValue(),
            transcript_path: fc.jsonValue(),
            error: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
        async (event, value) => {
          for (const answer of await ask(options, event, { ...value, session_id }))
            assert.ok(typeof answer === 'object' && answer !== null);
        },
      ),
      { numRuns: 60 },
    );
    await ask(options, 'SessionEnd', { session_id });
    const ended = new Set(
      all().flatMap(({ phase, parent_id }) => (phase === 'post_exec' ? [parent_id] : [])),
    );
    const open = all().filter(({ phase, id }) => phase === 'pre_exec' && !ended.has(id));
    assert.deepEqual(open, []);
  });

  describe('a refusal that the transcript alone tells of', () => {
    const refusal = (id: string): string =>
      `${JSON.stringify({
        type: 'user',
        toolDenialKind: 'rule',
        message: { content: [{ type: 'tool_result', tool_use_id: id, is_error: true, content: 'no' }] },
      })}\n`;
    const asked = async (options: object, session_id: string, transcript_path: string): Promise<void> => {
      await writeFile(transcript_path, '');
      const call = {
        session_id,
        transcript_path,
        tool_name: 'Read',
        tool_input: {},
        tool_use_id: session_id,
      };
      await ask(options, 'UserPromptSubmit', { session_id, prompt: 'do it' });
      await ask(options, 'PreToolUse', call);
      await ask(options, 'Stop', { session_id, last_assistant_message: 'done' });
    };

    it('is heard when the program writes it as it ends, after nothing more was said to it', async () => {
      const session_id = newSession();
      const transcript = join(home.directory, `${session_id}.jsonl`);
      const options = withTally({}, { tally });
      const writes = `
        process.stdin.resume().on('end', () =>
          setTimeout(() => require('fs').appendFileSync(${JSON.stringify(transcript)}, ${JSON.stringify(refusal(session_id))}), 300))`;
      const program = ['-e', writes, '--', '--input-format', 'x', '--output-format', 'x'];
      const child = spawn(process.execPath, program, { stdio: ['pipe', 'ignore', 'inherit'] });
      try {
        await asked(options, session_id, transcript);
        child.stdin.end();
        await until(
          () => (entries(session_id).some(({ type }) => type === 'run.end') ? true : undefined),
          'the end of the run',
        );
      } finally {
        child.kill('SIGKILL');
      }
      assert.deepEqual(lines(session_id), ['tool.call Read ', 'tool.result Read blocked']);
      assert.equal(entries(session_id).at(-1)?.outcome?.status, 'ok');
    });

    it('is heard when our side is ended by a signal', async () => {
      const session_id = newSession();
      const transcript = join(home.directory, `${session_id}.jsonl`);
      await writeFile(transcript, '');
      const input = { session_id, transcript_path: transcript, tool_use_id: session_id };
      const url = (path: string): string =>
        JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
      const program = `
        import { appendFileSync } from 'node:fs';
        import { withTally } from ${url('plugins/claude-agent-sdk.ts')};
        import { createTally } from ${url('sdk.ts')};
        const tally = createTally({ home: process.argv[1], transport: 'embedded', onWarning: () => undefined });
        const { hooks } = withTally({}, { tally });
        const { signal } = new AbortController();
        const ask = (event, more) => hooks[event][0].hooks[0](
          { hook_event_name: event, ...${JSON.stringify(input)}, ...more }, undefined, { signal });
        await ask('UserPromptSubmit', { prompt: 'do it' });
        await ask('PreToolUse', { tool_name: 'Read', tool_input: {} });
        appendFileSync(${JSON.stringify(transcript)}, ${JSON.stringify(refusal(session_id))});
        setInterval(() => undefined, 1_000);
        process.kill(process.pid, 'SIGINT');`;
      await tally.close();
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, home.paths.state], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [, ended] = await once(child, 'exit');
      assert.equal(ended, 'SIGINT');
      assert.deepEqual(lines(session_id), ['tool.call Read ', 'tool.result Read blocked']);
      assert.equal(entries(session_id).at(-1)?.outcome?.error_kind, 'SIGINT');
    });

    it('is heard when our side closes its Tally as soon as it has the answer', async () => {
      const own = createTally({
        home: home.paths.state,
        transport: 'embedded',
        onWarning: () => undefined,
      });
      const session_id = newSession();
      const transcript = join(home.directory, `${session_id}.jsonl`);
      const options = withTally({}, { tally: own });
      await asked(options, session_id, transcript);
      await writeFile(transcript, refusal(session_id));
      await own.close();
      assert.deepEqual(lines(session_id), ['tool.call Read ', 'tool.result Read blocked']);
    });
  });

  for (const [how, end, expected] of [
    ['nothing more is said to its program', (child) => child.stdin?.end(), 'ok undefined'],
    ['its program is killed', (child) => child.kill('SIGKILL'), 'aborted AbortError'],
  ] as const satisfies readonly (readonly [string, (child: ReturnType<typeof spawn>) => unknown, string])[])
    it(`ends a session when ${how}`, async () => {
      const options = withTally({}, { tally });
      const program = ['-e', 'process.stdin.resume()', '--', '--input-format', 'x', '--output-format', 'x'];
      const child = spawn(process.execPath, program, { stdio: ['pipe', 'ignore', 'ignore'] });
      const session_id = newSession();
      try {
        // Another session before it in the same program.
        await ask(options, 'UserPromptSubmit', { session_id: newSession(), prompt: 'first' });
        await ask(options, 'UserPromptSubmit', { session_id, prompt: 'do it' });
        if (expected.startsWith('ok'))
          await ask(options, 'Stop', { session_id, last_assistant_message: 'done' });
        end(child);
        const [last] = await until(() => {
          const found = entries(session_id).filter(({ type }) => type === 'run.end');
          return found.length > 0 ? found : undefined;
        }, 'the end of the run');
        assert.equal(`${last?.outcome?.status} ${last?.outcome?.error_kind}`, expected);
      } finally {
        child.kill('SIGKILL');
      }
    });
});
