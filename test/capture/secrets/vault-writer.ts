/** A process of its own that writes `count` values: a vault is shared between processes, so its test is too. */
import { openVault } from '../../../src/capture/secrets/vault.ts';

const [path, keyPath, prefix, count] = process.argv.slice(2);
if (path === undefined || keyPath === undefined) throw new Error('usage: PATH KEYPATH PREFIX COUNT');
const vault = openVault({ path, key: { path: keyPath } });
for (let i = 0; i < Number(count); i++) await vault.set(`${prefix}_${i}`, `value-of-${prefix}_${i}`);
