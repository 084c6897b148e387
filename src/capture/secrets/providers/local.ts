/** The local encrypted vault (`vault.ts`) as a provider. Where nothing else is said, secrets are here. */
import { itemOf, type Provider, type Where } from '../provider.ts';
import type { Vault } from '../vault.ts';

/** Parts of a name in the vault are divided by "/", so a part has none, and nothing that its format does not take. */
function part(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_.-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** `my-app/production/` of a project’s profile; nothing for the machine’s own. */
export function vaultPrefix(where: Where | undefined): string {
  return where === undefined ? '' : `${part(where.project)}/${part(where.profile)}/`;
}

export function localProvider(vault: Vault, where: Where | undefined): Provider {
  const prefix = vaultPrefix(where);
  const nameOf = (name: string, ref: Parameters<Provider['get']>[1]): string =>
    itemOf(ref, 'the local vault') ?? `${prefix}${name}`;
  return {
    uri: 'tally://',
    address: (name, ref) => `the local vault, as ${ref?.item ?? `${prefix}${name}`}`,
    get: async (name, ref) => vault.get(nameOf(name, ref))?.value,
    async set(name, value, ref) {
      return (await vault.set(nameOf(name, ref), value)).created;
    },
    delete: (name, ref) => vault.delete(nameOf(name, ref)),
    list: async () =>
      vault
        .list()
        .filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
        .map((name) => name.slice(prefix.length)),
  };
}
