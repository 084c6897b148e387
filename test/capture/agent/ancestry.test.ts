import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ancestryOf, type Process } from '../../../src/capture/agent/ancestry.ts';
import { agentOfProcess, PROGRAMS } from '../../../src/capture/agent/programs.ts';
import { LIMITS } from '../../../src/core/limits.ts';

/** As the system would tell it: a process, what it was started as, and the agent it is. */
// biome-ignore format: one line a process
const STARTED: readonly (readonly [comm: string, argv: readonly string[], agent: string | undefined])[] = [
  ['claude', ['claude'], 'claude'],
  ['node', ['node', '/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js', '--print'], 'claude'],
  ['codex', ['/usr/local/bin/codex', 'exec'], 'codex'],
  ['node', ['node', '--max-old-space-size=4096', '/opt/npm/@openai/codex/bin/codex.js'], 'codex'],
  ['node-MainThread', ['/usr/bin/node', '/usr/local/bin/gemini'], 'gemini'],
  ['cursor-agent', ['cursor-agent', '-p', 'hello'], 'cursor-cli'],
  ['node', ['node', '/x/@github/copilot/index.js'], 'github-copilot'],
  ['opencode', ['opencode', 'run'], 'opencode'],
  ['python3.12', ['/venv/bin/python3.12', '/venv/bin/aider', '--model', 'x'], 'aider'],
  ['goose', ['goose', 'session'], 'goose'],
  ['amp', ['amp'], 'amp'],
  ['bun', ['bun', '/x/qwen.js'], 'qwen-code'],
  ['crush', ['crush'], 'crush'],
  ['python3', ['python3', '-u', '/opt/openhands'], 'openhands'],
  ['bash', ['bash', '/usr/bin/auggie'], 'augment-cli'],
  ['droid', ['droid', 'exec'], 'droid'],
  ['zsh', ['-zsh'], undefined],
  ['cursor', ['/opt/cursor/cursor', '--type=renderer'], undefined],
  ['code', ['/usr/share/code/code'], undefined],
  ['grep', ['grep', 'claude'], undefined],
  ['vim', ['vim', '/srv/claude/codex'], undefined],
  ['node', ['node', 'server.js', 'claude'], undefined],
  ['node', ['node', '-e', 'claude()'], undefined],
  ['node', [], undefined],
];

test('agents are recognised by what runs, through interpreters and packages, and other programs are not', () => {
  for (const [comm, argv, agent] of STARTED)
    assert.equal(agentOfProcess(comm, argv), agent, `${comm} ${argv.join(' ')}`);
  const found = new Set(STARTED.flatMap(([, , agent]) => agent ?? []));
  assert.ok(found.size >= 12, `${found.size} agents`);
  assert.deepEqual(
    [...new Set(PROGRAMS.map(({ agent }) => agent))].filter((agent) => !found.has(agent)),
    ['kiro'],
  );
});

const tree = (...processes: readonly Process[]) => {
  const known = new Map(processes.map((process) => [process.pid, process]));
  return (pid: number): Process | undefined => known.get(pid);
};

test('the ancestors are told nearest first, by name alone, and the nearest agent is the one', () => {
  const read = tree(
    { pid: 30, ppid: 20, comm: 'bash', argv: ['bash', '-c', 'curl -H "Authorization: x"'] },
    { pid: 20, ppid: 10, comm: 'codex', argv: ['codex'] },
    { pid: 10, ppid: 5, comm: 'claude', argv: ['claude'] },
    { pid: 5, ppid: 1, comm: 'tmux: server', argv: ['tmux'] },
  );
  assert.deepEqual(ancestryOf(30, read), {
    ancestors: ['bash', 'codex', 'claude', 'tmux: server'],
    agent: 'codex',
  });
});

test('a table of processes that is a circle, is endless or changes under us ends the walk', () => {
  const circle = tree({ pid: 30, ppid: 20, comm: 'a', argv: [] }, { pid: 20, ppid: 30, comm: 'b', argv: [] });
  assert.deepEqual(ancestryOf(30, circle), { ancestors: ['a', 'b'] });
  const endless = (pid: number): Process => ({ pid, ppid: pid + 1, comm: `p${pid}`, argv: [] });
  assert.equal(ancestryOf(2, endless).ancestors.length, LIMITS.ancestors);
  assert.deepEqual(ancestryOf(30, tree()), { ancestors: [] });
  assert.deepEqual(ancestryOf(1, endless), { ancestors: [] });
});

test('whatever processes call themselves, the names fit into a record and a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string({ unit: 'binary' })), (comm, argv) => {
      const { ancestors } = ancestryOf(9, tree({ pid: 9, ppid: 1, comm, argv }));
      assert.match(ancestors[0] ?? '', /^[\w.:@/+ -]{1,64}$/);
    }),
  );
});

test('a real process below a program of that name finds it, without any variable that says so', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tally-ancestry-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'bin'));
  const agent = join(folder, 'bin', 'aider');
  copyFileSync(process.execPath, agent);
  const module = new URL('../../../src/capture/agent/ancestry.ts', import.meta.url).href;
  const script = join(folder, 'child.mjs');
  writeFileSync(
    script,
    `import { ancestryOf } from ${JSON.stringify(module)};\nconsole.log(JSON.stringify(ancestryOf(process.ppid)));\n`,
  );
  const started = `require('node:child_process').spawnSync(${JSON.stringify(process.execPath)}, [${JSON.stringify(script)}], { stdio: 'inherit' })`;
  const { stdout, stderr } = spawnSync(agent, ['-e', started], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  });
  const found = JSON.parse(stdout || '{}') as { ancestors: string[]; agent?: string };
  assert.equal(found.agent, 'aider', stderr);
  assert.equal(found.ancestors.includes('aider'), true);
});
