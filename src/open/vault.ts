/** The local vault of this machine. */
import { join } from 'node:path';
import { openVault, type Vault } from '../capture/secrets/vault.ts';
import type { Paths } from '../paths.ts';

export function vaultOf(paths: Paths): Vault {
  return openVault({
    path: join(paths.vault, 'secrets.vault'),
    key: { path: join(paths.keys, 'vault.key') },
  });
}
