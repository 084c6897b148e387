/** Which scheme is which provider, and who may name what. Each is loaded when it is first named. */
import { didYouMean } from '../../../core/policy/suggest.ts';
import type { SecretDeclaration } from '../manifest/types.ts';
import {
  type Aliases,
  type Leaf,
  type Provider,
  type Providers,
  providerError,
  type Where,
} from '../provider.ts';
import type { Vault } from '../vault.ts';
import type { CommandPreset } from './presets.ts';
import { schemeOf } from './uri.ts';

export interface ProvidersOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where the command was called. */
  readonly directory: string;
  /** 0700, for the locks of writers. */
  readonly locks: string;
  /** The local vault, opened when it is first asked. */
  readonly vault: () => Vault | Promise<Vault>;
  /** From the machine's own configuration, never from a repository. */
  readonly aliases?: Aliases;
  readonly usual?: readonly string[];
  readonly own?: ReadonlyMap<string, SecretDeclaration>;
  readonly commands?: ReadonlyMap<string, CommandPreset>;
}

const OTHER_NAMES: Readonly<Record<string, string>> = {
  local: 'tally',
  op: 'onepassword',
  '1password': 'onepassword',
  bao: 'openbao',
  bitwarden: 'bw',
};

const SCHEMES = [
  'tally',
  'env',
  'null',
  'dotenv',
  'keyring',
  'vault',
  'openbao',
  'exec',
  'pass',
  'gopass',
  'onepassword',
  'bw',
  'awssm',
  'awsps',
  'gcsm',
  'vault-cli',
] as const;

export function createProviders(options: ProvidersOptions): Providers {
  const opened = new Map<string, Promise<Provider>>();

  async function make(leaf: Leaf, where: Where | undefined): Promise<Provider> {
    const { spec, trusted, directory } = leaf;
    const named = schemeOf(spec);
    const scheme = named === undefined ? undefined : (OTHER_NAMES[named] ?? named);
    const own = `${scheme}${spec.slice(named?.length ?? 0)}`;
    switch (scheme) {
      case 'tally': {
        const [{ localProvider }, { parseAddress, requireBare }] = await Promise.all([
          import('./local.ts'),
          import('./uri.ts'),
        ]);
        requireBare(parseAddress(own, []));
        return localProvider(await options.vault(), where);
      }
      case 'env':
        return (await import('./env.ts')).envProvider(options.env);
      case 'null':
        return (await import('./env.ts')).nullProvider();
      case 'dotenv': {
        const { home, locks } = options;
        return (await import('./dotenv.ts')).dotenvProvider(own, { directory, home, locks, trusted });
      }
      case 'keyring':
        return (await import('./keyring.ts')).keyringProvider(own, where);
      case 'vault':
      case 'openbao': {
        const { kvProvider } = await import('./kv.ts');
        return kvProvider(own, {
          env: options.env,
          home: options.home,
          where,
          trusted,
          secret: credential(leaf, where),
        });
      }
      case 'exec':
        return exec(leaf, where);
      default:
        return preset(scheme, own, leaf, where);
    }
  }

  async function preset(
    scheme: string | undefined,
    spec: string,
    { trusted }: Leaf,
    where: Where | undefined,
  ): Promise<Provider> {
    const [{ PRESETS }, { execProvider }] = await Promise.all([import('./presets.ts'), import('./exec.ts')]);
    const found = scheme !== undefined && Object.hasOwn(PRESETS, scheme) ? PRESETS[scheme] : undefined;
    if (found !== undefined) return execProvider(found, spec, { env: options.env, trusted, where });
    const known = [...SCHEMES, ...(options.aliases?.keys() ?? [])];
    const guess = scheme === undefined ? undefined : didYouMean(scheme, known);
    throw providerError(
      'provider_unknown',
      `there is no provider ${scheme === undefined ? 'of that name' : `"${scheme}"`}`,
      guess === undefined ? `there are ${known.join(', ')}` : `did you mean ${guess}?`,
    );
  }

  /** `exec://NAME`: a command that this machine's configuration describes. */
  async function exec({ spec, trusted }: Leaf, where: Where | undefined): Promise<Provider> {
    const { execProvider } = await import('./exec.ts');
    const { parseAddress } = await import('./uri.ts');
    const { host: name, path } = parseAddress(spec, []);
    const found = options.commands?.get(name);
    if (found !== undefined)
      return execProvider(found, `exec://${path}`, { env: options.env, trusted, where, name });
    throw providerError(
      trusted ? 'provider_unknown' : 'provider_untrusted',
      `no command ${name === '' ? '' : `"${name}" `}is described on this machine`,
      'describe it in config.yaml under secrets, commands; a manifest cannot bring commands',
    );
  }

  /** A credential of the provider itself: from where its alias says, one step and no further. */
  function credential(leaf: Leaf, where: Where | undefined): (name: string) => Promise<Buffer | undefined> {
    return async (name) => {
      const source = leaf.credentials?.get(name);
      if (source === undefined) return undefined;
      const provider = await open(
        { spec: source.provider, trusted: leaf.trusted, directory: leaf.directory },
        where,
      );
      return provider.get(name, source.ref);
    };
  }

  function open(leaf: Leaf, where: Where | undefined): Promise<Provider> {
    const key = JSON.stringify([leaf.spec, leaf.alias, leaf.trusted, leaf.directory, where]);
    const found = opened.get(key);
    if (found !== undefined) return found;
    const made = make(leaf, where);
    opened.set(key, made);
    return made;
  }

  return {
    open,
    aliases: options.aliases ?? new Map(),
    own: options.own ?? new Map(),
    usual: options.usual ?? ['tally'],
    directory: options.directory,
    close() {
      for (const provider of opened.values()) provider.then(({ close }) => close?.()).catch(() => undefined);
      opened.clear();
    },
  };
}
