import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { LIMITS } from '../../src/core/limits.ts';
import { fileDataKeys } from '../../src/store/file/data-keys.ts';
import { filePacks } from '../../src/store/file/packs.ts';
import { memoryDataKeys, memoryPacks } from '../../src/store/memory-packs.ts';
import { type PacksUnderTest, packSuite } from '../suites/packs.ts';

const root = mkdtempSync(join(tmpdir(), 'tally-packs-'));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

const onDisk = (directory: string): PacksUnderTest => ({
  packs: filePacks(join(directory, 'log')),
  keys: fileDataKeys(join(directory, 'keys/data')),
  again: () => onDisk(directory),
});

packSuite('files', async () => {
  const directory = join(root, String(made++));
  mkdirSync(join(directory, 'log'), { recursive: true });
  return onDisk(directory);
});

packSuite('memory', async () => {
  const packs = new Map<number, Buffer>();
  const keys = new Map<string, Uint8Array>();
  const store = (): PacksUnderTest => ({
    packs: memoryPacks(packs),
    keys: memoryDataKeys(keys),
    again: store,
  });
  return store();
});

test('packs and keys are for their owner only', async () => {
  const directory = join(root, String(made++));
  mkdirSync(join(directory, 'log'), { recursive: true });
  const { packs, keys } = onDisk(directory);
  await packs.writePack(0, 0, Buffer.from('x'));
  await keys.put('key_01ARZ3NDEKTSV4RRFFQ69G5FAV', Buffer.from('x'));
  await packs.close();
  const mode = (path: string): number => statSync(join(directory, path)).mode & 0o777;
  assert.equal(mode('log/packs'), 0o700);
  assert.equal(mode('log/packs/000000000000.pack'), 0o600);
  assert.equal(mode('keys/data'), 0o700);
  assert.equal(mode('keys/data/key_01ARZ3NDEKTSV4RRFFQ69G5FAV.json'), 0o600);
  assert.deepEqual(readdirSync(join(directory, 'keys/data')), ['key_01ARZ3NDEKTSV4RRFFQ69G5FAV.json']);
});

test('files that are no packs and no keys are passed over', async () => {
  const directory = join(root, String(made++));
  mkdirSync(join(directory, 'log/packs'), { recursive: true });
  mkdirSync(join(directory, 'keys/data'), { recursive: true });
  for (const name of ['x.pack', '1.pack', '000000000000.pack.old'])
    writeFileSync(join(directory, 'log/packs', name), 'x');
  writeFileSync(join(directory, 'keys/data/notes.json'), 'x');
  const { packs, keys } = onDisk(directory);
  assert.deepEqual(await packs.packs(), []);
  assert.deepEqual(await keys.list(), []);
});

test('a pack that is a link to somewhere else is not written through', async () => {
  const directory = join(root, String(made++));
  mkdirSync(join(directory, 'log/packs'), { recursive: true });
  const target = join(directory, 'elsewhere');
  writeFileSync(target, 'mine');
  symlinkSync(target, join(directory, 'log/packs/000000000000.pack'));
  const { packs } = onDisk(directory);
  await assert.rejects(packs.writePack(0, 0, Buffer.from('x')), { code: 'LOG_WRITE_FAILED' });
  assert.equal(statSync(target).size, 4);
  await packs.close();
});

test('a pack that somebody took away while it is written ends the writer: nobody would find what comes after', async () => {
  for (const replaced of [false, true]) {
    const directory = join(root, String(made++));
    mkdirSync(join(directory, 'log'), { recursive: true });
    const { packs } = onDisk(directory);
    await packs.writePack(0, 0, Buffer.from('first'));
    const path = join(directory, 'log/packs/000000000000.pack');
    rmSync(path);
    if (replaced) writeFileSync(path, 'first');
    await setTimeout(LIMITS.segmentLookMs);
    await assert.rejects(packs.writePack(0, 5, Buffer.from('second')), {
      code: 'LOG_DAMAGED',
      message: replaced ? /another file lies in its place/ : /not there any more/,
    });
    await packs.close();
  }
});
