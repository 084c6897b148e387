import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { fileObjects } from '../../src/store/file/objects.ts';

const OBJECTS = new URL('../../src/store/file/objects.ts', import.meta.url).href;
const MANY = LIMITS.threadedFiles * 40;

async function using(task: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-files-'));
  try {
    await task(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const tiles = (count: number): [string, Buffer][] =>
  Array.from({ length: count }, (_, i) => [`tile/0/${i}`, Buffer.alloc(8192, i)]);

/** The objects are written by a process of its own, so that what it holds open or waits for is seen. */
function writeElsewhere(directory: string, durable: boolean, ...options: string[]): void {
  assert.equal(outputOf(directory, durable, options), 'written\n');
}

function outputOf(directory: string, durable: boolean, options: readonly string[], preload = ''): string {
  const program = `import { fileObjects } from ${JSON.stringify(OBJECTS)};
await fileObjects(process.argv[1]).putMany(
  Array.from({ length: ${MANY} }, (_, i) => ['tile/0/' + i, Buffer.alloc(8192, i)]), { durable: ${durable} });
console.log('written');`;
  const { status, stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -n 128; exec "$@"',
      'sh',
      process.execPath,
      ...options,
      '--input-type=module',
      '-e',
      program,
    ].concat(directory),
    {
      encoding: 'utf8',
      timeout: 20_000,
      env: preload === '' ? process.env : { ...process.env, NODE_OPTIONS: `--import ${preload}` },
    },
  );
  assert.equal(status, 0, stderr);
  return stdout;
}

async function assertWritten(directory: string, count: number): Promise<void> {
  const names = await readdir(join(directory, 'tile/0'));
  assert.equal(names.length, count, names.join(' '));
  for (const [name, bytes] of tiles(count))
    assert.ok((await readFile(join(directory, name))).equals(bytes), name);
}

for (const durable of [true, false])
  test(`${durable ? 'durable ' : ''}files of any number are written with few descriptors, and the process ends`, () =>
    using(async (directory) => {
      writeElsewhere(directory, durable);
      await assertWritten(directory, MANY);
    }));

test('where a process may have no threads it writes them itself', () =>
  using(async (directory) => {
    writeElsewhere(directory, true, '--permission', '--allow-fs-read=*', '--allow-fs-write=*');
    await assertWritten(directory, MANY);
  }));

test('batches that are handed over at the same time are answered each for itself', () =>
  using(async (directory) => {
    const objects = fileObjects(directory);
    await mkdir(join(directory, 'other/3'), { recursive: true });
    const other = tiles(MANY).map(([name, bytes]): [string, Buffer] => [
      name.replace('tile/0', 'other'),
      bytes,
    ]);
    const [first, second, third] = await Promise.allSettled([
      objects.putMany(tiles(MANY)),
      // A directory has the name of the fourth: it cannot be replaced.
      objects.putMany(other),
      objects.putMany([['checkpoint', Buffer.from('note')]]),
    ]);
    assert.equal(first.status, 'fulfilled');
    assert.equal(third.status, 'fulfilled');
    assert.ok(second.status === 'rejected');
    assert.equal(second.reason.code, 'LOG_WRITE_FAILED');
    assert.match(second.reason.message, /EISDIR/);
    assert.deepEqual((await readdir(join(directory, 'other'))).sort(), ['0', '1', '2', '3']);
    await assertWritten(directory, MANY);
    assert.equal(String(await readFile(join(directory, 'checkpoint'))), 'note');
  }));

test('what a killed process with the same number left beside a file keeps nobody from writing it', () =>
  using(async (directory) => {
    await mkdir(join(directory, 'tile/0'), { recursive: true });
    for (let number = 0; number < 100; number++) {
      for (const mark of ['', 'n']) {
        for (const name of ['checkpoint', 'tile/0/0'])
          await writeFile(join(directory, `${name}.${process.pid}-${mark}${number}.tmp`), 'half');
      }
    }
    const objects = fileObjects(directory);
    for (let i = 0; i < 20; i++) await objects.put('checkpoint', Buffer.from(`note ${i}`));
    await objects.putMany(tiles(MANY));
    assert.equal(String(await readFile(join(directory, 'checkpoint'))), 'note 19');
    assert.ok((await readFile(join(directory, 'tile/0/0'))).equals(Buffer.alloc(8192)));
    // What is left is nobody's to remove: it may be written by another container right now.
    assert.equal(String(await readFile(join(directory, `checkpoint.${process.pid}-0.tmp`))), 'half');
  }));

test('what a program loads before itself is not loaded again for the thread', () =>
  using(async (directory) => {
    const [one, other] = ['one', 'other'].map((name) => `data:text/javascript,console.log('${name}')`);
    const lines = outputOf(directory, false, ['--import', one ?? ''], other)
      .trim()
      .split('\n');
    assert.deepEqual(lines.sort(), ['one', 'other', 'written']);
    await assertWritten(directory, MANY);
  }));
