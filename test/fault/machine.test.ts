/** What happens to whole machines: a full disk, two recorders at once, a backup that is put back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { problemsOf } from './check.ts';
import { judge, receipts } from './matrix.ts';
import { type Places, runTraced, type Traced } from './trace.ts';

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tally-machine-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The program of the fault suite, without a fault, on `state`. */
function run(folder: string, state: string, script: 'make' | 'again', seed = '1'): Promise<Traced> {
  const at: Places = {
    state,
    trace: join(folder, `${script}-${process.hrtime.bigint()}`),
    cache: join(folder, 'cache'),
  };
  return runTraced(script, at, undefined, [seed]);
}

function mount(folder: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tally-test', folder]).status === 0;
}

async function canMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'tally-mount-'));
  const can = mount(folder, 'size=64k');
  if (can) spawnSync('umount', [folder]);
  await rm(folder, { recursive: true });
  return can;
}

describe('a disk that becomes full', {
  skip: !(await canMount()) && 'only root may mount a small file system',
}, () => {
  it('ends the recorder with the reason; with room again it goes on, and nothing acknowledged is missing', async (t) => {
    const folder = await scratch(t);
    const disk = join(folder, 'disk');
    await mkdir(disk);
    assert.ok(mount(disk, 'size=128k,mode=700'));
    try {
      const state = join(disk, 'state');
      await mkdir(state);
      const full = await run(folder, state, 'make');
      assert.equal(full.finished, false);
      assert.match(full.stderr, /^refused: LOG_FULL: .*ENOSPC/m);
      const acknowledged = receipts(full.acknowledged);
      assert.ok(acknowledged.length > 20);

      // Still full: the log is whole, and no start goes on with half a step.
      const still = await judge({ folder, cache: join(folder, 'cache') }, state);
      assert.deepEqual(still.problems, []);
      assert.match(still.refused ?? '', /LOG_FULL.*free disk space/);

      assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status, 0);
      const again = await judge({ folder, cache: join(folder, 'cache') }, state);
      assert.deepEqual([again.problems, again.refused], [[], undefined]);
      assert.deepEqual(problemsOf(state, [...acknowledged, ...again.acknowledged], { whole: true }), []);
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

describe('two recorders on one log', () => {
  it('take their turns: each entry is acknowledged once, and has its place', async (t) => {
    const folder = await scratch(t);
    const state = join(folder, 'state');
    await mkdir(state);
    const first = await run(folder, state, 'make');
    const both = await Promise.all([run(folder, state, 'again', '2'), run(folder, state, 'again', '3')]);
    // The one that comes second waits until the first has ended.
    for (const { finished, stderr } of both) assert.ok(finished, stderr);
    const acknowledged = receipts([first, ...both].flatMap((one) => one.acknowledged));
    assert.equal(new Set(acknowledged.map(({ index }) => index)).size, acknowledged.length);
    assert.deepEqual(problemsOf(state, acknowledged, { whole: true }), []);
    assert.deepEqual((await judge({ folder, cache: join(folder, 'cache') }, state)).problems, []);
  });
});

describe('a backup of last week', () => {
  for (const [name, parts] of [
    ['of the log alone', ['logs']],
    ['of the log and its keys', ['logs', 'keys', 'registry']],
  ] as const) {
    it(`${name}, put back, is refused at the start and shown by verification`, async (t) => {
      const folder = await scratch(t);
      const state = join(folder, 'state');
      await mkdir(state);
      await run(folder, state, 'make');
      const backup = join(folder, 'backup');
      await cp(state, backup, { recursive: true });
      await run(folder, state, 'again');
      for (const part of parts) {
        await rm(join(state, part), { recursive: true });
        await cp(join(backup, part), join(state, part), { recursive: true });
      }
      const { problems, refused } = await judge({ folder, cache: join(folder, 'cache') }, state);
      assert.match(refused ?? 'it started', /LOG_ROLLED_BACK.*tally log continue/);
      // Before the refused start and after it: 6, tampering shown.
      assert.equal(problems.length, 2);
      for (const problem of problems) assert.match(problem, /^verify (said|after the start said) 6/);
    });
  }
});
