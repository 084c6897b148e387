import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openVault, type Vault } from '../../../src/capture/secrets/vault.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';

function place(t: TestContext): { path: string; keyPath: string; directory: string; open(): Vault } {
  const directory = mkdtempSync(join(tmpdir(), 'vault-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'secrets', 'vault.json');
  const keyPath = join(directory, 'keys', 'vault.key');
  const open = () => {
    const vault = openVault({ path, key: { path: keyPath } });
    t.after(() => vault.close());
    return vault;
  };
  return { path, keyPath, directory, open };
}

const secret = () => randomBytes(24).toString('base64url');
const mode = (path: string) => statSync(path).mode & 0o777;

function unreadable(pattern: RegExp): (error: unknown) => boolean {
  return (error) =>
    isTallyError(error) &&
    error.code === 'VAULT_UNREADABLE' &&
    pattern.test(error.message) &&
    error.hint !== undefined;
}

test('a value comes back from a vault opened anew, byte for byte', async (t) => {
  const { open } = place(t);
  const value = randomBytes(300);
  assert.deepEqual(await open().set('TOKEN', value), { created: true, short: false });
  assert.deepEqual(open().get('TOKEN')?.value, value);
  assert.deepEqual(open().list(), ['TOKEN']);
});

test('an empty place is an empty vault and nothing is made by reading', (t) => {
  const { open, directory } = place(t);
  const vault = open();
  assert.deepEqual(vault.list(), []);
  assert.equal(vault.get('TOKEN'), undefined);
  assert.deepEqual(vault.entries(), []);
  assert.deepEqual(readdirSync(directory), []);
});

test('files are 0600 in 0700 and neither value nor key stands in them', async (t) => {
  const { open, path, keyPath, directory } = place(t);
  const value = secret();
  await open().set('TOKEN', value);
  for (const file of [path, keyPath, `${path}.lock`]) assert.equal(mode(file), 0o600, file);
  for (const made of ['secrets', 'keys']) assert.equal(mode(join(directory, made)), 0o700, made);
  const text = readFileSync(path, 'utf8');
  assert.ok(!text.includes(value));
  assert.ok(!text.includes(Buffer.from(value).toString('base64')));
  assert.deepEqual(readdirSync(join(directory, 'secrets')).sort(), ['vault.json', 'vault.json.lock']);
});

test('the file is replaced, never written in place', async (t) => {
  const { open, path } = place(t);
  const vault = open();
  await vault.set('A', secret());
  const { ino } = statSync(path);
  await vault.set('B', secret());
  assert.notEqual(statSync(path).ino, ino);
});

test('deleting says whether there was something to delete', async (t) => {
  const { open } = place(t);
  const vault = open();
  await vault.set('A', secret());
  assert.equal(await vault.delete('A'), true);
  assert.equal(await vault.delete('A'), false);
  assert.deepEqual(open().list(), []);
});

test('a short value is stored and said to be short', async (t) => {
  const { open } = place(t);
  assert.deepEqual(await open().set('PIN', 'a'.repeat(LIMITS.secretMinBytes - 1)), {
    created: true,
    short: true,
  });
  assert.deepEqual(await open().set('PIN', 'a'.repeat(LIMITS.secretMinBytes)), {
    created: false,
    short: false,
  });
});

test('bad names, empty values and values over the limit are refused and never quoted', async (t) => {
  const { open } = place(t);
  const vault = open();
  const value = secret();
  const usage = (error: unknown) =>
    isTallyError(error) && error.code === 'USAGE' && !error.message.includes(value);
  for (const name of ['', 'a b', '1A', 'a/b', '../x', 'a\n', 'A'.repeat(LIMITS.idChars + 1), 'é'])
    await assert.rejects(vault.set(name, value), usage, name);
  await assert.rejects(vault.set('A', ''), usage);
  await assert.rejects(vault.set('A', Buffer.alloc(LIMITS.secretMaxBytes + 1)), usage);
  await vault.set('A', Buffer.alloc(LIMITS.secretMaxBytes, 1));
  assert.deepEqual(vault.list(), ['A']);
});

test('names that are properties of every object are just names', async (t) => {
  const { open } = place(t);
  const value = secret();
  await open().set('__proto__', value);
  assert.equal(open().get('__proto__')?.value.toString(), value);
  assert.equal(open().get('constructor'), undefined);
});

test('a change made through another handle is seen by the next call, and announced once', async (t) => {
  const { open } = place(t);
  const mine = open();
  const heard: [string, string | undefined][] = [];
  const stop = mine.onChange((name, value) => heard.push([name, value?.toString()]));
  const other = open();
  await other.set('A', 'first-value');
  assert.equal(mine.get('A')?.value.toString(), 'first-value');
  await other.set('A', 'second-value');
  await other.set('B', 'other-value');
  assert.deepEqual(mine.list(), ['A', 'B']);
  await other.delete('A');
  assert.equal(mine.get('A'), undefined);
  mine.list();
  assert.deepEqual(heard, [
    ['A', 'first-value'],
    ['A', 'second-value'],
    ['B', 'other-value'],
    ['A', undefined],
  ]);
  stop();
  await other.set('C', 'third-value');
  mine.list();
  assert.equal(heard.length, 4);
});

test('a buffer that was handed out is the caller’s: wiping it changes nothing in the vault', async (t) => {
  const { open } = place(t);
  const vault = open();
  const value = secret();
  await vault.set('A', value);
  vault.get('A')?.value.fill(0);
  for (const entry of vault.entries()) entry.value.fill(0);
  assert.equal(vault.get('A')?.value.toString(), value);
});

test('another key is told from a damaged file', async (t) => {
  const { open, path } = place(t);
  await open().set('A', secret());
  const other = openVault({ path, key: { bytes: randomBytes(32) } });
  assert.throws(() => other.list(), unreadable(/sealed with another key/));
});

test('a missing key is never replaced by a new one', async (t) => {
  const { open, keyPath } = place(t);
  await open().set('A', secret());
  rmSync(keyPath);
  assert.throws(() => open().list(), unreadable(/key of .* is missing/));
  await assert.rejects(open().set('B', secret()), unreadable(/key of .* is missing/));
  assert.equal(statSync(keyPath, { throwIfNoEntry: false }), undefined);
});

test('a key that is handed in needs no key file', async (t) => {
  const { path, keyPath } = place(t);
  const bytes = randomBytes(32);
  const value = secret();
  await openVault({ path, key: { bytes } }).set('A', value);
  assert.equal(openVault({ path, key: { bytes } }).get('A')?.value.toString(), value);
  assert.equal(statSync(keyPath, { throwIfNoEntry: false }), undefined);
  assert.throws(() => openVault({ path, key: { bytes: randomBytes(16) } }), unreadable(/32 bytes/));
});

test('files and directories that others can reach are refused with the command that mends it', async (t) => {
  const { open, path, keyPath, directory } = place(t);
  await open().set('A', secret());
  for (const [file, bad, good] of [
    [path, 0o640, 0o600],
    [keyPath, 0o604, 0o600],
    [join(directory, 'secrets'), 0o750, 0o700],
    [join(directory, 'keys'), 0o701, 0o700],
  ] as const) {
    chmodSync(file, bad);
    assert.throws(
      () => open().list(),
      (error) => isTallyError(error) && error.code === 'VAULT_UNREADABLE' && /chmod/.test(error.hint ?? ''),
      file,
    );
    chmodSync(file, good);
    open().list();
  }
});

test('a mode that is loosened while the vault is open is noticed', async (t) => {
  const { open, path } = place(t);
  const vault = open();
  await vault.set('A', secret());
  chmodSync(path, 0o644);
  assert.throws(() => vault.get('A'), unreadable(/other users/));
});

test('a file of another user is refused', {
  skip: process.geteuid?.() !== 0 && 'only root can give files away',
}, async (t) => {
  const { open, path } = place(t);
  await open().set('A', secret());
  chownSync(path, 12_345, 12_345);
  assert.throws(() => open().list(), unreadable(/belongs to user 12345/));
});

test('a symbolic link is not followed', async (t) => {
  const { open, path, directory } = place(t);
  await open().set('A', secret());
  const elsewhere = join(directory, 'elsewhere.json');
  writeFileSync(elsewhere, readFileSync(path), { mode: 0o600 });
  rmSync(path);
  symlinkSync(elsewhere, path);
  assert.throws(() => open().list(), unreadable(/symbolic link/));
});

test('a pipe under the name of the vault is told and not waited for', async (t) => {
  const { open, path } = place(t);
  await open().set('A', secret());
  rmSync(path);
  execFileSync('mkfifo', ['-m', '600', path]);
  assert.throws(() => open().list(), unreadable(/is not a file/));
});

test('no write is lost when several processes write at once', async (t) => {
  const { open, path, keyPath } = place(t);
  const writer = new URL('./vault-writer.ts', import.meta.url);
  const exits = ['A', 'B', 'C', 'D'].map((prefix) =>
    once(fork(writer, [path, keyPath, prefix, '10']), 'exit'),
  );
  for (const [code] of await Promise.all(exits)) assert.equal(code, 0);
  const vault = open();
  assert.equal(vault.list().length, 40);
  for (const name of vault.list()) assert.equal(vault.get(name)?.value.toString(), `value-of-${name}`);
});

test('a writer that is killed leaves the old content and a free lock', async (t) => {
  const { open, path, keyPath } = place(t);
  await open().set('KEPT', 'the-old-value');
  const writer = new URL('./vault-writer.ts', import.meta.url);
  const child = fork(writer, [path, keyPath, 'X', '100000'], { silent: true });
  const vault = open();
  while (vault.list().length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const before = vault.list().length;
  await vault.set('AFTER', 'another-value');
  assert.equal(vault.list().length, before + 1);
  assert.equal(vault.get('KEPT')?.value.toString(), 'the-old-value');
});

test('a closed vault answers nothing', async (t) => {
  const { open } = place(t);
  const vault = open();
  await vault.set('A', secret());
  vault.close();
  assert.throws(() => vault.get('A'), unreadable(/closed/));
  await assert.rejects(vault.set('B', secret()), unreadable(/closed/));
});
