/** The vault on disks that are full, or that cannot be written: an error that says so, and what was there stays there. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { isTallyError } from '../../src/core/error.ts';

function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mount-'));
  const done = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]).status === 0;
  if (done) spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
  return done;
}

function mounted(t: TestContext, size: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'vault-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', directory]);
  t.after(() => {
    spawnSync('umount', [directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

const notWritten = (error: unknown): boolean => {
  assert.ok(isTallyError(error) && error.code === 'VAULT_WRITE_FAILED' && error.hint, String(error));
  return true;
};

const open = (directory: string) =>
  openVault({ path: join(directory, 'v', 's.vault'), key: { path: join(directory, 'k', 'vault.key') } });

test('a full disk and a read-only one refuse a new value, and the old ones are read', {
  skip: !canMount() && 'only root may mount a small file system',
}, async (t) => {
  const directory = mounted(t, '128k');
  await open(directory).set('A', 'value-of-a');
  try {
    for (let i = 0; ; i++) writeFileSync(join(directory, `filler-${i}`), Buffer.alloc(4_096));
  } catch {
    // As full as it gets.
  }
  await assert.rejects(open(directory).set('B', 'x'.repeat(40_000)), notWritten);
  assert.equal(open(directory).get('A')?.value.toString(), 'value-of-a');
  execFileSync('mount', ['-o', 'remount,ro', directory]);
  await assert.rejects(open(directory).set('B', 'value-of-b'), notWritten);
  await assert.rejects(open(directory).delete('A'), notWritten);
  assert.equal(open(directory).get('A')?.value.toString(), 'value-of-a');
});

test('a place that cannot be a directory is refused in words', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vault-disk-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'v'), 'a file');
  await assert.rejects(
    open(directory).set('A', 'value-of-a'),
    (error: unknown) => isTallyError(error) && error.hint !== undefined,
  );
});
