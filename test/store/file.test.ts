import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256Hex } from '../../src/core/hash.ts';
import { tryLock } from '../../src/store/file/lock.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { storeSuite } from '../suites/store.ts';

const LOOK = `import { tryLock } from ${JSON.stringify(new URL('../../src/store/file/lock.ts', import.meta.url).href)};
process.stdout.write(tryLock(process.argv[1]) === undefined ? 'taken' : 'free');`;

async function scratch(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tally-store-'));
}

storeSuite('file store', async () => {
  const directory = await scratch();
  return {
    open: () => openFileStore(join(directory, 'logs', 'local')),
    cleanUp: () => rm(directory, { recursive: true }),
  };
});

test('everything the file store writes is readable by its owner only', async () => {
  const directory = await scratch();
  const store = await openFileStore(join(directory, 'log'));
  await store.openSegment(0);
  await store.append(Buffer.from('x\n'));
  await store.objects.put('tile/0/000', Buffer.from('t'));
  await store.setAside(0, 1);
  await store.close();
  for (const file of await readdir(join(directory, 'log'), { recursive: true, withFileTypes: true })) {
    const { mode } = await stat(join(file.parentPath, file.name));
    assert.equal((mode & 0o777).toString(8), file.isDirectory() ? '700' : '600', file.name);
  }
  await rm(directory, { recursive: true });
});

test('what is set aside replaces nothing that was, also when somebody took an earlier file away', async () => {
  const directory = await scratch();
  const store = await openFileStore(directory);
  const torn = (k: number): string => join(directory, 'entries', `000000000000.jsonl.torn-${k}`);
  async function aside(text: string, from: number): Promise<string> {
    await store.openSegment(0);
    await store.append(Buffer.from(text));
    return (await store.setAside(0, from)).name;
  }
  await aside('first', 0);
  await aside('second', 0);
  await rm(torn(0));
  assert.equal(await aside('third', 0), '000000000000.jsonl.torn-2');
  assert.equal(await aside('and half of a fourth', 4), '000000000000.jsonl.torn-3');
  assert.equal(await readFile(torn(1), 'utf8'), 'second');
  assert.equal(await readFile(torn(3), 'utf8'), 'half of a fourth');
  await store.close();
  await rm(directory, { recursive: true });
});

test('a directory that cannot be made is refused with a code and a hint', async () => {
  const directory = await scratch();
  // A file where a directory should be fails for root too, unlike a missing permission.
  const store = await openFileStore(join(directory, 'file-store'));
  await store.objects.put('in-the-way', Buffer.from('x'));
  await assert.rejects(
    openFileStore(join(directory, 'file-store', 'in-the-way')),
    (error: { code?: string; hint?: string }) => {
      assert.equal(error.code, 'LOG_WRITE_FAILED');
      assert.ok(error.hint);
      return true;
    },
  );
  await rm(directory, { recursive: true });
});

test('the lock has one holder, and a released lock can be taken again', async () => {
  const directory = await scratch();
  const path = join(directory, 'lock.sqlite');
  const first = tryLock(path);
  assert.ok(first);
  assert.equal(tryLock(path), undefined);
  // Asking again in the holder's own process must not give the lock away to others.
  const other = spawnSync(process.execPath, ['--input-type=module', '-e', LOOK, path], { encoding: 'utf8' });
  assert.equal(other.stdout, 'taken', other.stderr);
  first.release();
  const second = tryLock(path);
  assert.ok(second);
  second.release();
  await mkdir(join(directory, 'not-a-file'));
  await chmod(join(directory, 'not-a-file'), 0o700);
  assert.throws(() => tryLock(join(directory, 'not-a-file')), { name: 'TallyError' });
  await rm(directory, { recursive: true });
});

test('a pipe under the name of a segment or a pack is refused, and nobody waits for its other end', async () => {
  const directory = await scratch();
  await mkdir(join(directory, 'entries'));
  await mkdir(join(directory, 'packs'));
  for (const name of ['entries/000000000256.jsonl', 'packs/000000000256.pack'])
    assert.equal(spawnSync('mkfifo', [join(directory, name)]).status, 0);
  const url = (name: string): string =>
    JSON.stringify(new URL(`../../src/store/file/${name}`, import.meta.url).href);
  const program = `import { filePacks } from ${url('packs.ts')};
import { openFileStore } from ${url('store.ts')};
const said = (trying) => trying.then((value) => value === undefined ? 'nothing' : 'done', ({ code }) => code);
const store = await openFileStore(process.argv[1]);
const packs = filePacks(process.argv[1]);
console.log(await said(store.openSegment(256).then(() => true)));
console.log(await said(packs.readPack(256, 0, 1)));
console.log(await said(packs.writePack(256, 0, Buffer.from('x')).then(() => true)));
process.exit();`;
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program, directory],
    { encoding: 'utf8', timeout: 20_000 },
  );
  assert.deepEqual(
    { said: stdout, signal },
    { said: 'LOG_WRITE_FAILED\nnothing\nLOG_WRITE_FAILED\n', signal: null },
    stderr,
  );
  await rm(directory, { recursive: true });
});

test('a torn tail of many megabytes is set aside byte for byte, with its hash', async () => {
  const directory = await scratch();
  const store = await openFileStore(directory);
  await store.openSegment(0);
  const tail = Buffer.alloc(9 * 1024 * 1024 + 7, 'torn');
  await store.append(Buffer.concat([Buffer.from('good\n'), tail]));
  for (const [from, bytes] of [[5, tail] as const, [0, Buffer.from('good\n')] as const]) {
    const told = await store.setAside(0, from);
    assert.deepEqual([told.bytes, told.sha256], [bytes.length, sha256Hex(bytes)]);
    assert.ok((await readFile(join(directory, 'entries', told.name))).equals(bytes));
  }
  await store.close();
  await rm(directory, { recursive: true });
});
