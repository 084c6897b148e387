/**
 * A small part of the fault matrix: one call of every kind that the program makes, with every fault. The whole of it is
 * run by scripts/faults.ts, which writes down what came of each case.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Case, casesOf, nameOf, prepare, runCase, type Scene, type Stage } from './matrix.ts';
import { readTrace } from './trace.ts';

/** Cases run side by side; each is two short processes. */
const JOBS = 2;

describe('one system call of the recorder that fails or is its last', () => {
  let folder = '';
  let stages: readonly Stage[] = [];

  before(async () => {
    try {
      execFileSync('strace', ['-o', '/dev/null', 'true']);
    } catch (cause) {
      throw new Error('this test needs strace, allowed to trace: apt-get install strace', { cause });
    }
    folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tally-fault-'));
    stages = await prepare({ folder, cache: join(folder, 'cache') }, ['make', 'threaded', 'torn']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The middle one of each kind of call. */
  function sample(stage: Stage, syscalls?: readonly string[]): readonly Case[] {
    const cases = casesOf(stage);
    return [...new Set(stage.calls.map(({ syscall }) => syscall))]
      .filter((syscall) => syscalls?.includes(syscall) ?? true)
      .flatMap((syscall) => {
        const calls = [...new Set(cases.map(({ call }) => call))].filter((call) => call.syscall === syscall);
        const middle = calls[Math.floor(calls.length / 2)];
        return cases.filter(({ call }) => call === middle);
      });
  }

  async function hold(scene: Scene, atLeast: number, syscalls?: readonly string[]): Promise<void> {
    const stage = stages.find((one) => one.scene === scene);
    assert.ok(stage !== undefined);
    const waiting = [...sample(stage, syscalls)];
    assert.ok(waiting.length >= atLeast, `only ${waiting.length} cases`);
    const worker = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const result = await runCase({ folder, cache: join(folder, 'cache') }, stage, one);
        assert.deepEqual(result.problems, [], nameOf(one));
        assert.equal(result.missed, undefined, `${nameOf(one)} could not be put in place`);
      }
    };
    await Promise.all(Array.from({ length: JOBS }, worker));
  }

  it('loses no acknowledged entry and uses no index twice, from the making of a log to its close', () =>
    hold('make', 20));

  it('loses nothing while tiles are written in their own thread', () => hold('threaded', 12));

  it('loses nothing while a torn tail is set aside', () => hold('torn', 6, ['ftruncate', 'rename']));
});

describe('the trace', () => {
  it('is read by thread, path and occurrence, and shows what the fault was injected into', () => {
    const text = `7 openat(AT_FDCWD</x>, "/s/logs", O_RDONLY|O_DIRECTORY) = 21</s/logs>
8 fsync(21</s/logs> <unfinished ...>
7 write(22</s/logs/a.7-3.tmp>, ""..., 5) = 5
8 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)
7 write(22</s/logs/a.7-4.tmp>, ""..., 5) = -1 ENOSPC (No space left on device) (INJECTED)
7 write(1</elsewhere>, ""..., 5) = 5
7 rename("/s/logs/a.7-4.tmp", "/s/logs/a") = 0
`;
    const { calls, hit } = readTrace(text, '/s', 7);
    const temporary = { syscall: 'write', thread: 'main', path: 'logs/a.*.tmp' };
    assert.deepEqual(calls, [
      { syscall: 'openat', thread: 'main', path: 'logs', occurrence: 1 },
      { syscall: 'fsync', thread: 'other', path: 'logs', occurrence: 1 },
      { ...temporary, occurrence: 1 },
      { ...temporary, occurrence: 2 },
      { syscall: 'rename', thread: 'main', path: 'logs/a.*.tmp', occurrence: 1 },
    ]);
    assert.deepEqual(hit, [calls[1], calls[3]]);
  });
});
