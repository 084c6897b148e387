/**
 * A real session of Claude Code against a scripted API: the hooks that `tally install` wrote fire, the denied call is
 * denied, and all is on record. The program is taken from TALLY_TEST_CLAUDE or PATH; without it the test is skipped.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Block, serveClaude } from '../../examples/frameworks/claude-api.ts';
import { BLOCKS_SINCE, isAtLeast } from '../../src/capture/hook/version.ts';
import { type Home, makeHome } from '../cli/home.ts';

const CLAUDE = process.env.TALLY_TEST_CLAUDE ?? 'claude';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: []
facts: { command: args.command }
rules:
  - { id: no-forbidden, when: 'action.name == "Bash" && facts.command.contains("forbidden")', decision: stop, reason: forbidden_word }
`;

const bash = (id: string, command: string): Block => ({
  type: 'tool_use',
  id,
  name: 'Bash',
  input: { command, description: 'a test' },
});

function versionOf(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, ['--version'], { timeout: 20_000 }, (error, stdout) => {
      resolve(error === null ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined);
    });
  });
}

/** Its address, until the test is over. */
async function startApi(t: TestContext, turns: readonly (readonly Block[])[]): Promise<string> {
  const { url, close } = await serveClaude(turns);
  t.after(close);
  return url;
}

/** One prompt in a home of its own, with nothing of this process's environment but PATH. */
function session(home: Home, api: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(CLAUDE, ['-p', 'do it', '--allowedTools', 'Bash,Read', '--output-format', 'json'], {
      cwd: join(home.directory, 'work'),
      env: {
        PATH: process.env.PATH,
        HOME: join(home.directory, 'ada'),
        XDG_RUNTIME_DIR: join(home.directory, 'r'),
        TMPDIR: join(home.directory, 'work'),
        ANTHROPIC_BASE_URL: api,
        ANTHROPIC_API_KEY: 'sk-ant-test',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 90_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const found = look();
    if (found !== undefined) return found;
    await pause(50);
  }
  throw new Error('it did not come');
}

async function ready(t: TestContext): Promise<Home> {
  const home = makeHome(t);
  for (const name of ['ada', 'work']) mkdirSync(join(home.directory, name));
  writeFileSync(join(home.directory, 'tally.policy.yaml'), POLICY);
  return home;
}

const version = await versionOf(CLAUDE);

test('a session of Claude Code is recorded, its denied call is denied, and with --closed nothing runs unrecorded', {
  skip:
    version === undefined &&
    'no Claude Code: install @anthropic-ai/claude-code apart, name it in TALLY_TEST_CLAUDE',
}, async (t) => {
  const home = await ready(t);
  const { started } = await home.up('--no-watch');
  const env = { HOME: join(home.directory, 'ada') };
  const installed = await home.tally(['install', 'claude-code', '--closed'], { env });
  assert.equal(installed.code, 0, installed.stderr);
  const marks = ['ran', 'forbidden'].map((name) => join(home.directory, 'work', name));
  const [ran = '', forbidden = ''] = marks;
  const api = await startApi(t, [
    [bash('toolu_1', `touch ${ran}`), bash('toolu_2', `touch ${forbidden}`)],
    [{ type: 'tool_use', id: 'toolu_3', name: 'Read', input: { file_path: '/nonexistent' } }],
    [{ type: 'text', text: 'all done' }],
  ]);
  const output = await session(home, api);
  assert.match(output, /all done/);
  assert.ok(existsSync(ran), output);
  assert.ok(!existsSync(forbidden), 'what was denied did not run');

  const check = await until(() => home.entries('session.check')[0]);
  assert.deepEqual(check.outcome, { status: 'ok' });
  assert.equal((check.metadata as { compared: number }).compared, 3);
  const kinds = home.entries().filter(({ source }) => (source as { surface: string }).surface === 'hook');
  const told = (type: string) => kinds.filter((entry) => entry.type === type).length;
  for (const [type, count] of [
    ['run.start', 1],
    ['user.message', 1],
    ['tool.call', 3],
    ['tool.result', 3],
    ['model.response', 1],
    ['run.end', 1],
  ] as const)
    assert.equal(told(type), count, type);
  const first = kinds.find(({ type }) => type === 'tool.call');
  assert.ok(first);
  const blocks = isAtLeast(version, BLOCKS_SINCE);
  assert.equal((first.source as { assurance: string }).assurance, blocks ? 'enforced' : 'observed');
  assert.equal((first.actor as { agent_version: string }).agent_version, version);

  // Without a recorder: this version blocks, or goes on, as the record says of it.
  started.process.kill('SIGTERM');
  await started.ended;
  const alone = join(home.directory, 'work', 'alone');
  await session(home, await startApi(t, [[bash('toolu_4', `touch ${alone}`)]]));
  assert.equal(existsSync(alone), !blocks);
  const verified = await home.tally(['verify', '--completeness']);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});
