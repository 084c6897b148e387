/** Run inside a session with an unlocked keyring (keyring.test.ts): the key of the vault in it, and out of it again. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { keyringEntry } from '../../../../src/capture/secrets/providers/keyring.ts';
import { openVault } from '../../../../src/capture/secrets/vault.ts';
import { readKeyFile } from '../../../../src/capture/secrets/vault-key-file.ts';
import { protectionOf, protectVault } from '../../../../src/capture/secrets/vault-lock.ts';
import { isTallyError } from '../../../../src/core/error.ts';

it('keeps the key of the vault in the keyring, where no file has it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'keyring-vault-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const where = {
    keyPath: join(directory, 'keys', 'vault.key'),
    runtime: join(directory, 'run'),
    now: Date.now,
  };
  const open = (held?: Uint8Array) =>
    openVault({
      path: join(directory, 'v', 's.vault'),
      key: {
        path: where.keyPath,
        runtime: where.runtime,
        now: Date.now,
        ...(held === undefined ? {} : { held }),
      },
    });
  const vault = open();
  await vault.set('A', 'value-of-a');
  await protectVault(vault, where, { mode: 'keyring' });
  assert.equal(protectionOf(where.keyPath), 'keyring');
  const file = readKeyFile(where.keyPath);
  assert.ok(file?.mode === 'keyring' && !existsSync(where.keyPath));
  const key = await keyringEntry(file.service, file.account).get();
  assert.ok(key);
  for (const name of readdirSync(join(directory, 'keys')))
    assert.ok(!readFileSync(join(directory, 'keys', name)).includes(key), name);
  assert.equal(open(key).get('A')?.value.toString(), 'value-of-a');
  assert.throws(
    () => open().get('A'),
    (error: unknown) => isTallyError(error) && error.code === 'VAULT_LOCKED',
  );

  await protectVault(open(key), where, { mode: 'passphrase', passphrase: 'correct horse battery' });
  assert.equal(await keyringEntry(file.service, file.account).get(), undefined);
  assert.equal(open().get('A')?.value.toString(), 'value-of-a');
  await protectVault(open(), where, { mode: 'file' });
  assert.equal(open().get('A')?.value.toString(), 'value-of-a');
});
