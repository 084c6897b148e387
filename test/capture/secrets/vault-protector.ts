/** Puts a vault under a passphrase; killed while it does (vault-lock.test.ts). */
import { join } from 'node:path';
import { openVault } from '../../../src/capture/secrets/vault.ts';
import { protectVault } from '../../../src/capture/secrets/vault-lock.ts';

const [directory = '', passphrase = ''] = process.argv.slice(2);
const where = {
  keyPath: join(directory, 'keys', 'vault.key'),
  runtime: join(directory, 'run'),
  now: Date.now,
};
const vault = openVault({
  path: join(directory, 'v', 's.vault'),
  key: { path: where.keyPath, runtime: where.runtime, now: Date.now },
});
process.send?.('ready');
await protectVault(vault, where, { mode: 'passphrase', passphrase });
await protectVault(vault, where, { mode: 'file' });
process.disconnect();
