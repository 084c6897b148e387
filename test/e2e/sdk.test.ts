/** The built SDK in programs as their authors have them: out of the docs, in two copies, on an older Node. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openSession } from '../../src/open.ts';
import { entriesIn } from '../fault/check.ts';
import { collect, type Home, makeHome } from '../support/home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the system brings, which may be older than what the tests run on. */
const OTHER = '/usr/bin/node';

function versionOf(node: string): number {
  try {
    return Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1]);
  } catch {
    // There is none: nothing to try it on.
    return 0;
  }
}
const notOlder = !(versionOf(OTHER) >= 20 && versionOf(OTHER) < 24);

describe('the built SDK', () => {
  let home: Home;
  before(async () => {
    home = await makeHome();
  });
  after(() => home.remove());

  const run = (text: string, node = process.execPath, env: Record<string, string> = {}) =>
    collect(
      spawn(node, ['--input-type=module', '-e', text], {
        cwd: ROOT,
        env: { ...home.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
  const types = (): readonly string[] =>
    entriesIn(home.paths.state).map((entry) => (entry as unknown as { type: string }).type);

  it('runs the first example of its docs, with no recorder there', async () => {
    const docs = await readFile(join(ROOT, 'docs/sdk.md'), 'utf8');
    const example = /```js\n([\s\S]*?)```/.exec(docs)?.[1] ?? '';
    assert.equal(example.trimEnd().split('\n').length, 5);
    const { code, stderr } = await run(example);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.deepEqual(types(), [
      'log.open',
      'run.start',
      'user.message',
      'policy.snapshot',
      'tool.call',
      'tool.result',
      'run.end',
      'log.close',
    ]);
  });

  it('in two copies finds its run, guards once and records once', async () => {
    const copy = join(home.directory, 'copy');
    await mkdir(copy);
    // Links that are kept as they are: other modules, of the same files.
    await symlink(join(ROOT, 'dist'), join(copy, 'dist'));
    await writeFile(join(copy, 'package.json'), await readFile(join(ROOT, 'package.json')));
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const other = pathToFileURL(join(copy, 'dist/sdk.js')).href;
    const from = types().length;
    const { code, stderr, stdout } = await run(
      `
      import { tally as one } from 'tallystick/sdk';
      import { tally as two } from '${other}';
      const tool = one.guardTool((n) => n + 1, { name: 'add' });
      await one.run({ agent: 'a' }, async (run) => {
        console.log(one !== two, two.current() === run, two.guardTool(tool) === tool, await tool(1));
      });`,
      process.execPath,
      { NODE_OPTIONS: '--preserve-symlinks' },
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'true true true 2\n');
    assert.deepEqual(
      types()
        .slice(from)
        .filter((type) => !/^(log|policy)\./.test(type)),
      ['run.start', 'tool.call', 'tool.result', 'run.end'],
    );
  });

  it('in another version, taken in by CommonJS, says so; both share one set of handlers, and each run ends once', async () => {
    const copy = join(home.directory, 'older');
    await mkdir(copy);
    await symlink(join(ROOT, 'dist'), join(copy, 'dist'));
    const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as object;
    await writeFile(join(copy, 'package.json'), JSON.stringify({ ...own, version: '0.0.7' }));
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const from = types().length;
    const { code, stderr, stdout } = await run(
      `
      import { createRequire } from 'node:module';
      import { createTally as one, tally } from 'tallystick/sdk';
      const { createTally: two } = createRequire(import.meta.url)('${join(copy, 'dist/sdk.js')}');
      const [first, second] = [one({ agent: 'first' }), two({ agent: 'second' })];
      await first.run(() => second.run(async (run) => {
        await run.act('look', () => 1);
        console.log(one !== two, first.current() === run, tally.current() === run, process.listenerCount('SIGTERM'));
        process.exit(4);
      }));`,
      process.execPath,
      { NODE_OPTIONS: '--preserve-symlinks' },
    );
    assert.equal(code, 4, stderr);
    assert.equal(stdout, 'true true true 1\n');
    assert.match(stderr, /tallystick\/sdk is used in versions \d.* and 0\.0\.7 in this program/);
    assert.deepEqual(
      types()
        .slice(from)
        .filter((type) => !/^(log|policy)\./.test(type)),
      ['run.start', 'run.start', 'tool.call', 'tool.result', 'run.end', 'run.end'],
    );
    const { code: complete, stdout: verdict } = await home.tally(['verify', '--completeness']);
    assert.equal(complete, 0, verdict);
  });

  it('goes on when the agent ends whose process was the recorder', async () => {
    const from = types().length;
    const program = (agent: string, ms: number) => `
      import { tally } from 'tallystick/sdk';
      await tally.run({ agent: '${agent}' }, async (run) => {
        for (const until = performance.now() + ${ms}; performance.now() < until; ) {
          await run.act('step', () => new Promise((resolve) => setTimeout(resolve, 50)));
          console.log('acted');
        }
      });`;
    const first = run(program('first', 800));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await run(program('second', 3_000));
    assert.equal((await first).code, 0);
    assert.equal(second.code, 0, second.stderr);
    const own = types().slice(from);
    assert.equal(own.filter((type) => type === 'run.end').length, 2);
    assert.ok(!own.includes('log.gap'));
    // What was under way when the first one closed the log was closed as unknown, and ended after all.
    const { code, stdout } = await home.tally(['verify', '--completeness']);
    assert.equal(code, 0, stdout);
  });

  it('runs on Node 20 where a recorder runs, and says what it needs where none does', {
    skip: notOlder && 'there is no Node 20 or 22 beside the one that runs the tests',
  }, async () => {
    const text = `
      import { tally } from 'tallystick/sdk';
      await tally.run({ agent: 'older' }, (run) => run.act('look', () => console.log(process.version, 'acted')));
      console.log(tally.transport);`;
    const alone = await run(text, OTHER);
    assert.notEqual(alone.code, 0);
    assert.match(alone.stderr, /Node 24|tally up/);
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'cli' },
      onWarning: () => undefined,
      require: 'writer',
    });
    const { code, stdout, stderr } = await run(text, OTHER);
    await session.close();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^v2\d\..* acted\nsocket\n$/);
  });
});
