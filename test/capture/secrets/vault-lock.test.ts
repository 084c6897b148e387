import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openVault, type Vault } from '../../../src/capture/secrets/vault.ts';
import { keyFilePath, unlockedPath } from '../../../src/capture/secrets/vault-key-file.ts';
import {
  type LockPlace,
  lockVault,
  protectionOf,
  protectVault,
  unlockVault,
} from '../../../src/capture/secrets/vault-lock.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';

const START = Date.UTC(2026, 0, 1);

interface Place extends LockPlace {
  readonly directory: string;
  clock: number;
  open(): Vault;
}

function place(t: TestContext): Place {
  const directory = mkdtempSync(join(tmpdir(), 'vault-lock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const keyPath = join(directory, 'keys', 'vault.key');
  const runtime = join(directory, 'run');
  const here: Place = {
    directory,
    keyPath,
    runtime,
    clock: START,
    now: () => here.clock,
    open: () =>
      openVault({ path: join(directory, 'v', 's.vault'), key: { path: keyPath, runtime, now: here.now } }),
  };
  return here;
}

function locked(kind: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTallyError(error) && error.code === 'VAULT_LOCKED', String(error));
    assert.equal(error.details?.kind, kind);
    assert.ok(error.hint);
    return true;
  };
}

const PASSPHRASE = 'correct horse battery';

test('under a passphrase the key is in no file, everything is encrypted anew, and an unlock ends by itself', async (t) => {
  const here = place(t);
  const vault = here.open();
  await vault.set('A', 'value-of-a');
  const oldKey = readFileSync(here.keyPath);
  const oldFile = readFileSync(join(here.directory, 'v', 's.vault'));
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  assert.equal(protectionOf(here.keyPath), 'passphrase');
  assert.ok(!existsSync(here.keyPath));
  assert.equal(statSync(keyFilePath(here.keyPath)).mode & 0o777, 0o600);
  // A copy of the old key opens the old file, and not the new one.
  const copy = (bytes: Buffer): Vault => {
    writeFileSync(join(here.directory, 'copy'), bytes, { mode: 0o600 });
    return openVault({ path: join(here.directory, 'copy'), key: { bytes: oldKey } });
  };
  assert.equal(copy(oldFile).get('A')?.value.toString(), 'value-of-a');
  assert.throws(() => copy(readFileSync(join(here.directory, 'v', 's.vault'))).get('A'), /another key/);

  assert.equal(here.open().get('A')?.value.toString(), 'value-of-a');
  here.clock += LIMITS.vaultUnlockMs;
  const late = here.open();
  assert.throws(() => late.get('A'), locked('provider_locked'));
  assert.equal(late.locked(), true);
  // Whoever records and needs no value is not kept from it.
  assert.deepEqual(late.entries(), []);
  assert.deepEqual(late.list(), []);
  await assert.rejects(late.set('B', 'value-of-b'), locked('provider_locked'));
  await unlockVault(here, PASSPHRASE);
  assert.equal(late.get('A')?.value.toString(), 'value-of-a');
  await late.set('B', 'value-of-b');
  assert.deepEqual(here.open().list(), ['A', 'B']);
});

test('locking reaches programs that have the vault open, and a clock that is set back prolongs nothing', async (t) => {
  const here = place(t);
  const vault = here.open();
  await vault.set('A', 'value-of-a');
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  assert.equal(vault.get('A')?.value.toString(), 'value-of-a');
  lockVault(here);
  assert.throws(() => vault.get('A'), locked('provider_locked'));
  await unlockVault(here, PASSPHRASE);
  assert.equal(vault.get('A')?.value.toString(), 'value-of-a');
  here.clock -= 60_000;
  assert.throws(() => vault.get('A'), locked('provider_locked'));
});

test('wrong passphrases are counted over all processes, soon wait, and a restart forgets none of it', async (t) => {
  const here = place(t);
  const vault = here.open();
  await vault.set('A', 'value-of-a');
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  lockVault(here);
  for (let i = 0; i < LIMITS.passphraseFreeTries; i++)
    await assert.rejects(unlockVault(here, `wrong passphrase ${i}`), locked('passphrase_wrong'));
  await assert.rejects(unlockVault(here, PASSPHRASE), locked('passphrase_limited'));
  here.clock -= 10 * 60_000;
  await assert.rejects(unlockVault(here, PASSPHRASE), locked('passphrase_limited'));
  here.clock += 10 * 60_000 + 1_000;
  await assert.rejects(unlockVault(here, 'wrong again'), locked('passphrase_wrong'));
  here.clock += 1_999;
  await assert.rejects(unlockVault(here, PASSPHRASE), locked('passphrase_limited'));
  here.clock += 1;
  await unlockVault(here, PASSPHRASE);
  assert.equal(vault.get('A')?.value.toString(), 'value-of-a');
  assert.ok(!existsSync(`${here.keyPath}.tries`));
});

test('another passphrase replaces the first, and out of it the key lies in a file again', async (t) => {
  const here = place(t);
  const vault = here.open();
  await vault.set('A', 'value-of-a');
  const running = here.open();
  assert.equal(running.get('A')?.value.toString(), 'value-of-a');
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  await protectVault(vault, here, { mode: 'passphrase', passphrase: 'another passphrase' });
  lockVault(here);
  await assert.rejects(unlockVault(here, PASSPHRASE), locked('passphrase_wrong'));
  await unlockVault(here, 'another passphrase');
  await protectVault(vault, here, { mode: 'file' });
  assert.ok(!existsSync(keyFilePath(here.keyPath)) && !existsSync(unlockedPath(here.runtime, here.keyPath)));
  assert.equal(here.open().get('A')?.value.toString(), 'value-of-a');
  assert.equal(running.get('A')?.value.toString(), 'value-of-a', 'also for a program that ran on');
  await assert.rejects(
    unlockVault(here, PASSPHRASE),
    (error: unknown) => isTallyError(error) && error.code === 'USAGE',
  );
});

test('a vault that is locked is not put under another passphrase, and a short one is refused', async (t) => {
  const here = place(t);
  const vault = here.open();
  await assert.rejects(protectVault(vault, here, { mode: 'passphrase', passphrase: 'short' }), /at least/);
  // Also before the first secret.
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  await vault.set('A', 'value-of-a');
  lockVault(here);
  await assert.rejects(
    protectVault(here.open(), here, { mode: 'passphrase', passphrase: 'another passphrase' }),
    locked('provider_locked'),
  );
});

test('a key file that somebody changed is refused with a way out, and asks for no more memory than it may', async (t) => {
  const here = place(t);
  const vault = here.open();
  await vault.set('A', 'value-of-a');
  await protectVault(vault, here, { mode: 'passphrase', passphrase: PASSPHRASE });
  const path = keyFilePath(here.keyPath);
  const text = readFileSync(path, 'utf8');
  for (const bad of [
    '',
    '{}',
    'null',
    '[]',
    text.replace(/"n": \d+/, '"n": 1073741824'),
    text.replace('scrypt', 'none'),
  ]) {
    writeFileSync(path, bad);
    assert.throws(
      () => here.open().get('A'),
      (error: unknown) => isTallyError(error) && error.code === 'VAULT_UNREADABLE',
    );
    await assert.rejects(
      unlockVault(here, PASSPHRASE),
      (error: unknown) => isTallyError(error) && error.hint !== undefined,
    );
  }
});

test('a process that is killed while the key changes leaves a vault that opens', async (t) => {
  for (let round = 0; round < 6; round++) {
    const here = place(t);
    const vault = here.open();
    await vault.set('A', 'value-of-a');
    await vault.set('B', 'value-of-b');
    const child = fork(join(import.meta.dirname, 'vault-protector.ts'), [here.directory, PASSPHRASE], {
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    await once(child, 'message');
    // scrypt takes most of the time before anything is written; the spread is over what comes after it.
    setTimeout(() => child.kill('SIGKILL'), 250 + round * 60);
    await ended;
    here.clock = Date.now();
    if (protectionOf(here.keyPath) === 'passphrase' && here.open().locked())
      await unlockVault(here, PASSPHRASE);
    assert.equal(here.open().get('A')?.value.toString(), 'value-of-a', `round ${round}`);
    await here.open().set('C', 'value-of-c');
    assert.deepEqual(here.open().list(), ['A', 'B', 'C']);
  }
});
