/** The runner must fail for each of the reasons it knows: a runner that cannot fail makes every test worthless. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAlive } from '../../scripts/test/processes.ts';
import { ROOT } from './source.ts';

interface Ran {
  readonly code: number | null;
  readonly last: string;
  readonly text: string;
}

/** Runs the runner over planted test files. */
function run(files: Readonly<Record<string, string>>, ...filters: readonly string[]): Ran {
  const root = mkdtempSync(join(tmpdir(), 'tally-runner-'));
  try {
    mkdirSync(join(root, 'test'));
    for (const [name, body] of Object.entries(files)) {
      const head = "import { it } from 'node:test'; import assert from 'node:assert/strict';\n";
      writeFileSync(join(root, 'test', name), head + body);
    }
    const runner = join(ROOT, 'scripts/test.ts');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [runner, '--root', root, '--file-ms', '4000', ...filters],
      // Under node's own runner this variable would make every inner test file report to nobody.
      { encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
    );
    assert.ok(stdout.endsWith('\n'), stderr);
    return { code: status, last: stdout.trimEnd().split('\n').at(-1) ?? '', text: stdout };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const passes = "it('holds', () => {});";

describe('the test runner', () => {
  it('passes when every test passes, and says so in its last line', () => {
    const { code, last } = run({ 'a.test.ts': passes, 'b.test.ts': `${passes}\nit('too', () => {});` });
    assert.deepEqual([code, last], [0, '3 passed, 0 failed']);
  });

  it('names a failed test with its place and the difference', () => {
    const { code, last, text } = run({ 'a.test.ts': `${passes}\nit('adds', () => assert.equal(1 + 1, 3));` });
    assert.deepEqual([code, last], [1, '1 passed, 1 failed']);
    assert.match(text, /adds {2}\(.*a\.test\.ts:3\)\n\s+AssertionError.*\n[\s\S]*2 !== 3/);
  });

  it('counts a failure inside suites once, with the path to it', () => {
    const body =
      "import { describe } from 'node:test'; describe('a', () => describe('b', () => it('c', () => { throw new Error('no'); })));";
    const { last, text } = run({ 'a.test.ts': body });
    assert.equal(last, '0 passed, 1 failed');
    assert.match(text, /a › b › c/);
  });

  it('counts skipped tests apart', () => {
    const { code, last } = run({ 'a.test.ts': `${passes}\nit('later', { skip: 'no root' }, () => {});` });
    assert.deepEqual([code, last], [0, '1 passed, 0 failed, 1 skipped']);
  });

  it('fails when no file matches', () => {
    const { code, last, text } = run({ 'a.test.ts': passes }, 'nothing-is-called-so');
    assert.deepEqual([code, last], [1, '0 passed, 1 failed']);
    assert.match(text, /no test ran/);
  });

  it('runs only the files that a filter names', () => {
    const { last, text } = run({ 'a.test.ts': passes, 'b.test.ts': passes }, 'b.test');
    assert.equal(last, '1 passed, 0 failed');
    assert.doesNotMatch(text, /a\.test\.ts/);
  });

  it('fails for a file without tests', () => {
    const { code, text } = run({ 'a.test.ts': passes, 'b.test.ts': '' });
    assert.equal(code, 1);
    assert.match(text, /b\.test\.ts {2}has no test/);
  });

  it('fails for a file that does not load, with its output', () => {
    const { code, text } = run({ 'a.test.ts': "import './missing.ts';" });
    assert.equal(code, 1);
    assert.match(text, /ended with code 1[\s\S]*ERR_MODULE_NOT_FOUND/);
  });

  it('fails for a warning of node', () => {
    const { code, last, text } = run({
      'a.test.ts': "it('warns', () => process.emitWarning('old', 'DeprecationWarning'));",
    });
    assert.deepEqual([code, last], [1, '1 passed, 1 failed']);
    assert.match(text, /warned on stderr\n\s+\(node:\d+\) DeprecationWarning: old/);
  });

  it('kills a file that hangs and names the test', () => {
    const { code, text } = run({
      'a.test.ts': "it('waits', async () => { setInterval(() => {}, 1000); await new Promise(() => {}); });",
    });
    assert.equal(code, 1);
    assert.match(text, /a\.test\.ts {2}hung: killed after 4000 ms\n\s+running: waits/);
  });

  it('finds, names and kills a process that a test leaves behind, a daemon too', () => {
    const leave = (options: string): string =>
      `it('leaves', () => spawn('sleep', ['60.5'], { stdio: 'ignore'${options} }).unref());`;
    const head = "import { spawn } from 'node:child_process';\n";
    const { code, last, text } = run({
      'a.test.ts': head + leave(''),
      'b.test.ts': head + leave(', detached: true'),
    });
    assert.deepEqual([code, last], [1, '2 passed, 2 failed']);
    const pids = [...text.matchAll(/(\d+) sleep 60\.5/g)].map((match) => Number(match[1]));
    assert.equal(pids.length, 2);
    assert.deepEqual(pids.filter(isAlive), []);
  });
});
