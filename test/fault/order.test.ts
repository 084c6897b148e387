/** The order in which system calls are made: what a crash between any two of them relies on. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Call, runTraced, type Traced } from './trace.ts';

/** Whose flushes run on the main thread, in the thread pool; whose tiles are written in a thread of their own. */
const HOWS = ['main', 'pooled', 'threaded'] as const;
const isSegment = (path: string): boolean => /^logs\/local\/entries\/\d+\.jsonl$/.test(path);

describe('the order of writes', () => {
  let folder = '';
  const runs = new Map<string, Traced>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tally-order-'));
    for (const how of HOWS) {
      const state = join(folder, how);
      await mkdir(state);
      const at = { state, trace: join(folder, `${how}.trace`), cache: join(folder, 'cache') };
      const run = await runTraced('make', at, undefined, how === 'main' ? [] : [how]);
      assert.ok(run.finished, run.stderr);
      runs.set(how, run);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Walks the calls with what is written and not yet flushed, by path. */
  function walk(run: Traced, look: (call: Call | 'said', dirty: ReadonlySet<string>) => void): void {
    const dirty = new Set<string>();
    for (const call of run.order) {
      if (call !== 'said' && (call.syscall === 'fdatasync' || call.syscall === 'fsync'))
        dirty.delete(call.path);
      look(call, dirty);
      if (call !== 'said' && call.syscall === 'write') dirty.add(call.path);
    }
  }

  for (const how of HOWS) {
    it(`flushes a segment before anything in it is acknowledged (${how})`, () => {
      const run = runs.get(how);
      assert.ok(run !== undefined);
      let said = 0;
      walk(run, (call, dirty) => {
        if (call !== 'said') return;
        said++;
        assert.deepEqual([...dirty].filter(isSegment), [], `line ${said} is said before its flush`);
      });
      assert.ok(said > 300);
      const threads = run.calls
        .filter(({ syscall, path }) => syscall === 'fdatasync' && isSegment(path))
        .map(({ thread }) => thread);
      assert.ok(threads.includes(how === 'pooled' ? 'other' : 'main'));
    });

    it(`gives a segment no seal before its tiles are flushed, names and all (${how})`, () => {
      const run = runs.get(how);
      assert.ok(run !== undefined);
      const unnamed = new Set<string>();
      let seals = 0;
      walk(run, (call, dirty) => {
        if (call === 'said') return;
        const { syscall, path } = call;
        const directory = path.slice(0, path.lastIndexOf('/'));
        if (syscall === 'rename' && path.startsWith('logs/local/tile/')) unnamed.add(directory);
        if (syscall === 'fsync') unnamed.delete(path);
        if (syscall !== 'rename' || !path.includes('.zst')) return;
        seals++;
        const isTile = (one: string) => one.startsWith('logs/local/tile/');
        assert.deepEqual([[...dirty].filter(isTile), [...unnamed]], [[], []]);
      });
      assert.ok(seals > 0);
    });
  }

  it('flushes a checkpoint, a head, a key and a note before it gets its name', () => {
    const run = runs.get('main');
    assert.ok(run !== undefined);
    const named = new Set<string>();
    walk(run, (call, dirty) => {
      if (call === 'said' || call.syscall !== 'rename') return;
      // Tiles of the open segment and the compiled policy are made again after a crash of the machine: they alone are not
      // waited for.
      if (/^(logs\/local\/tile\/|registry\/policy-compiled\.json\.)/.test(call.path)) return;
      named.add(call.path);
      assert.ok(!dirty.has(call.path), `${call.path} gets its name before its bytes are flushed`);
    });
    for (const path of [
      'logs/local/checkpoint',
      'heads/local/checkpoint',
      'keys/local.key',
      'logs/local/keys/202.note',
    ])
      assert.ok(named.has(`${path}.*.tmp`), path);
  });

  it('removes a plain segment only when the sealed one has its name, durably', () => {
    const calls = runs.get('main')?.calls ?? [];
    const unlink = calls.findIndex(({ syscall, path }) => syscall === 'unlink' && isSegment(path));
    const before = calls.slice(0, unlink);
    const rename = before.findLastIndex(({ syscall, path }) => syscall === 'rename' && path.includes('.zst'));
    const flushed = before.findIndex(
      ({ syscall, path }, i) => i > rename && syscall === 'fsync' && path === 'logs/local/entries',
    );
    assert.ok(unlink > 0 && rename > 0 && flushed > rename);
  });

  it('remembers a head only after the checkpoint of the log is in place', () => {
    const calls = runs.get('main')?.calls ?? [];
    let log = 0;
    let head = 0;
    for (const { syscall, path } of calls) {
      if (syscall !== 'rename') continue;
      if (path === 'logs/local/checkpoint.*.tmp') log++;
      if (path === 'heads/local/checkpoint.*.tmp') head++;
      assert.ok(head <= log, 'a head is ahead of its log');
    }
    assert.ok(head > 5 && head === log);
  });
});
