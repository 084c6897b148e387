import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFileAnchor } from '../../src/anchor/file.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { makeLog, ORIGIN } from './log.ts';

const never = new AbortController().signal;

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tally-disk-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function all(heads: AsyncIterable<Uint8Array> | undefined): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const head of heads ?? []) found.push(Buffer.from(head));
  return found;
}

test('checkpoints are kept as files of their size, and read back newest first', async (t) => {
  const path = scratch(t);
  const log = makeLog();
  const anchor = createFileAnchor({ name: 'disk', path });
  const notes: Uint8Array[] = [];
  for (const size of [3, 3, 9, 100]) {
    const subject = await log.subject(size);
    const { suffix, time } = await anchor.anchor(subject, never);
    assert.deepEqual([suffix, time], ['txt', undefined]);
    notes.unshift(subject.note);
  }
  const directory = join(path, encodeURIComponent(ORIGIN));
  assert.deepEqual(readdirSync(directory).sort(), [
    '100.checkpoint',
    '3.checkpoint',
    '9.checkpoint',
    'latest',
  ]);
  assert.deepEqual(readFileSync(join(directory, 'latest')), Buffer.from(notes[0] ?? []));
  assert.deepEqual(
    await all(anchor.heads?.(ORIGIN)),
    [notes[0], notes[1], notes[2]].map((note) => Buffer.from(note ?? [])),
  );
  assert.deepEqual(await all(anchor.heads?.('another/log')), []);
});

test('a shorter log, another one of the same size and a forked one are conflicts, and nothing is overwritten', async (t) => {
  const path = scratch(t);
  const anchor = createFileAnchor({ name: 'disk', path });
  const log = makeLog();
  const other = makeLog('other');
  await anchor.anchor(await log.subject(100), never);
  const file = join(path, encodeURIComponent(ORIGIN), '100.checkpoint');
  const before = readFileSync(file);
  for (const subject of [await log.subject(50), await other.subject(100), await other.subject(200)])
    await assert.rejects(anchor.anchor(subject, never), { code: 'ANCHOR_CONFLICT' });
  assert.deepEqual(readFileSync(file), before);
  await anchor.anchor(await log.subject(101), never);
});

test('a file that a crash cut short is left as it is, and the checkpoint gets a number', async (t) => {
  const path = scratch(t);
  const anchor = createFileAnchor({ name: 'disk', path });
  const subject = await makeLog().subject(7);
  const directory = join(path, encodeURIComponent(ORIGIN));
  mkdirSync(directory);
  writeFileSync(join(directory, '7.checkpoint'), Buffer.from(subject.note).subarray(0, 20));
  await anchor.anchor(subject, never);
  await anchor.anchor(subject, never);
  assert.deepEqual(readdirSync(directory).sort(), ['7.1.checkpoint', '7.checkpoint', 'latest']);
  assert.deepEqual(await all(anchor.heads?.(ORIGIN)), [Buffer.from(subject.note)]);
});

test('in a directory that only takes new files, each checkpoint is kept, and no more than one leftover', {
  skip: !canMakeAppendOnly() && 'only root can make a directory append-only, on a file system that knows it',
}, async (t) => {
  const path = scratch(t);
  const directory = join(path, encodeURIComponent(ORIGIN));
  mkdirSync(directory);
  execFileSync('chattr', ['+a', directory]);
  try {
    const log = makeLog();
    const anchor = createFileAnchor({ name: 'disk', path });
    for (const size of [7, 7, 9]) await anchor.anchor(await log.subject(size), never);
    assert.equal((await all(anchor.heads?.(ORIGIN))).length, 2);
    assert.deepEqual(readdirSync(directory).sort(), ['7.checkpoint', '9.checkpoint', 'latest.tmp']);
  } finally {
    // Before the directory is removed.
    execFileSync('chattr', ['-a', directory]);
  }
});

function canMakeAppendOnly(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'tally-append-'));
  const done = spawnSync('chattr', ['+a', directory]).status === 0;
  spawnSync('chattr', ['-a', directory]);
  rmSync(directory, { recursive: true });
  return done;
}

test('a mount that is not there is not replaced by a directory on the disk of the log', async (t) => {
  const path = join(scratch(t), 'not-mounted');
  await assert.rejects(createFileAnchor({ name: 'disk', path }).anchor(await makeLog().subject(7), never), {
    code: 'ANCHOR_FAILED',
  });
  await assert.rejects(all(createFileAnchor({ name: 'disk', path }).heads?.(ORIGIN)), {
    code: 'ANCHOR_FAILED',
  });
});

test('no origin leads out of the directory', async (t) => {
  const path = scratch(t);
  const subject = { ...(await makeLog().subject(7)), origin: '../../up' };
  await createFileAnchor({ name: 'disk', path }).anchor(subject, never);
  assert.deepEqual(readdirSync(path), ['%2E%2E%2F..%2Fup']);
});

test('reading back ends however many files there are that are no checkpoints', async (t) => {
  const path = scratch(t);
  const directory = join(path, encodeURIComponent(ORIGIN));
  mkdirSync(directory);
  for (let size = 1; size <= LIMITS.anchorHeads + 1; size++)
    writeFileSync(join(directory, `${size}.checkpoint`), '');
  const anchor = createFileAnchor({ name: 'disk', path });
  await assert.rejects(all(anchor.heads?.(ORIGIN)), {
    code: 'ANCHOR_FAILED',
    message: /that are none/,
    hint: /who writes there/,
  });
});
