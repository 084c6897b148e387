/** The local vault of this machine. */
import { join } from 'node:path';
import { openVault, type Vault } from '../capture/secrets/vault.ts';
import { readKeyFile } from '../capture/secrets/vault-key-file.ts';
import type { LockPlace } from '../capture/secrets/vault-lock.ts';
import type { Paths } from '../paths.ts';

type VaultPaths = Pick<Paths, 'vault' | 'keys' | 'runtime'>;

const keyPathOf = (paths: VaultPaths): string => join(paths.keys, 'vault.key');

export function lockPlaceOf(paths: VaultPaths): LockPlace {
  return { keyPath: keyPathOf(paths), runtime: paths.runtime, now: Date.now };
}

/** Opens with a key in a file, or one that was unlocked; one in the OS keyring is not asked for. */
export function vaultOf(paths: VaultPaths, held?: Uint8Array): Vault {
  return openVault({
    path: join(paths.vault, 'secrets.vault'),
    key: {
      path: keyPathOf(paths),
      runtime: paths.runtime,
      now: Date.now,
      ...(held === undefined ? {} : { held }),
    },
  });
}

/**
 * The same with the key out of the OS keyring, where it is there. A keyring that does not answer leaves the vault locked:
 * what needs no secret goes on, and what needs one says so.
 */
export async function readyVault(paths: VaultPaths, onWarning: (line: string) => void): Promise<Vault> {
  const file = readKeyFile(keyPathOf(paths));
  if (file?.mode !== 'keyring') return vaultOf(paths);
  const { keyringEntry } = await import('../capture/secrets/providers/keyring.ts');
  try {
    const key = await keyringEntry(file.service, file.account).get();
    if (key !== undefined) {
      const vault = vaultOf(paths, key);
      key.fill(0);
      return vault;
    }
    onWarning('the OS keyring does not have the key of the vault any more: its secrets cannot be read');
  } catch (error) {
    onWarning(`the vault stays locked: ${error instanceof Error ? error.message : String(error)}`);
  }
  return vaultOf(paths);
}
