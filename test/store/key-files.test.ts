import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TallyError } from '../../src/core/error.ts';
import { makeKeyPair } from '../../src/core/tlog/key.ts';
import { openKeyFiles } from '../../src/store/file/key-files.ts';

const ORIGIN = 'test.example/local';
const random = (size: number): Uint8Array => new Uint8Array(randomBytes(size));

function keys(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tally-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const first = makeKeyPair(ORIGIN, random(32));
  const path = join(directory, 'log.key');
  writeFileSync(path, `${first.skey}\n`, { mode: 0o600 });
  return { directory, path, first, open: () => openKeyFiles(directory, 'log', random) };
}

test('a prepared key lies beside the old one, for its owner only, and survives a restart', async (t) => {
  const { directory, path, first, open } = keys(t);
  const files = await open();
  const next = await files.prepare(ORIGIN);
  assert.equal(statSync(`${path}.next`).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory).sort(), ['log.key', 'log.key.next']);
  await assert.rejects(files.prepare(ORIGIN), { code: 'LOG_WRITE_FAILED' });
  const again = await open();
  assert.deepEqual([again.signer?.vkey, again.next?.vkey], [first.vkey, next.vkey]);
});

test('the old key is overwritten where it lay, before the new one takes its name', async (t) => {
  const { directory, path, open } = keys(t);
  const other = join(directory, 'other-name');
  linkSync(path, other);
  const before = readFileSync(other).length;
  const files = await open();
  const next = await files.prepare(ORIGIN);
  await files.promote();
  assert.deepEqual(readFileSync(other), Buffer.alloc(before));
  rmSync(other);
  assert.deepEqual(readdirSync(directory), ['log.key']);
  const again = await open();
  assert.deepEqual([again.signer?.vkey, again.next], [next.vkey, undefined]);
});

test('after a crash between the two, the prepared key stands for both', async (t) => {
  const { path, open } = keys(t);
  const next = await (await open()).prepare(ORIGIN);
  for (const left of ['', '\0\0\0', readFileSync(path, 'utf8').replace(/^.{20}/, '\0'.repeat(20))]) {
    writeFileSync(path, left);
    const files = await open();
    assert.deepEqual([files.signer?.vkey, files.next?.vkey], [next.vkey, next.vkey]);
  }
  await (await open()).promote();
  assert.equal((await open()).signer?.vkey, next.vkey);
});

test('nothing is overwritten when the new key is gone, and a discarded one leaves no bytes', async (t) => {
  const { directory, path, first, open } = keys(t);
  const files = await open();
  await files.prepare(ORIGIN);
  linkSync(`${path}.next`, join(directory, 'other-name'));
  await files.discard();
  assert.match(readFileSync(join(directory, 'other-name'), 'latin1'), /^\0+$/);
  await assert.rejects(files.promote(), { code: 'LOG_WRITE_FAILED' });
  assert.equal((await open()).signer?.vkey, first.vkey);
  await files.discard();
});

test('a key file that holds no key is told, and nothing of it is quoted', async (t) => {
  const { path, open } = keys(t);
  writeFileSync(path, 'PRIVATE+KEY+secret');
  await assert.rejects(open(), (error: { code?: string; message: string }) => {
    assert.doesNotMatch(error.message, /secret/);
    return error.code === 'KEY_MALFORMED';
  });
  rmSync(path);
  assert.equal((await open()).signer, undefined);
});

test('a pipe under the name of a key, or a file that is no key by its size, is told and not waited for', async (t) => {
  const { path, open } = keys(t);
  execFileSync('mkfifo', [`${path}.next`]);
  await assert.rejects(open(), { code: 'BAD_CONFIG', message: /log\.key\.next is no plain file/ });
  rmSync(`${path}.next`);
  writeFileSync(path, '');
  truncateSync(path, 2 ** 33);
  await assert.rejects(open(), { code: 'BAD_CONFIG', message: /8589934592 bytes/ });
});

test('a file without a key is named, with what mends it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tally-keys-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'local.key'), '');
  await assert.rejects(openKeyFiles(directory, 'local', random), (error: TallyError) => {
    assert.equal(error.code, 'KEY_MALFORMED');
    assert.equal(error.message, `${join(directory, 'local.key')} holds no signing key: the file is empty`);
    assert.match(error.hint ?? '', /restore the key file from a backup/);
    return true;
  });
});
