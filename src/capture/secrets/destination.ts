/** Where a secret is written: the first of its alternatives, and only that one. Known before anybody types a value. */
import type { Manifest } from './manifest/types.ts';
import { type Provider, type Providers, providerError, type Where } from './provider.ts';
import { declared } from './resolve.ts';
import { type RouteOptions, refOf, routeOf, showRef } from './route.ts';
import { toStored } from './transform.ts';

export interface Destination {
  readonly name: string;
  /** The provider, without credentials. */
  readonly uri: string;
  readonly ref: string | undefined;
  /** For a person: where exactly. */
  readonly address: string;
  /** Throws `provider_read_only`: before anybody types a value. */
  requireWritable(): void;
  /** true: it was not there before; undefined: the store does not say. */
  write(value: Buffer): Promise<boolean | undefined>;
  /** The same of what is encoded already, as another store keeps it. */
  writeStored(stored: Buffer): Promise<boolean | undefined>;
  /** false when there was none. */
  remove(): Promise<boolean>;
  /** What is kept there now, as it is kept; the caller wipes it. */
  read(): Promise<Buffer | undefined>;
  /** What it keeps besides, where it can tell. */
  names(): Promise<readonly string[]>;
}

/** Throws `provider_read_only` for what is made out of others, and for stores that are only read. Asks no store. */
export async function destinationOf(
  manifest: Manifest | undefined,
  profile: string,
  name: string,
  providers: Providers,
  options: RouteOptions = {},
): Promise<Destination> {
  const secret = manifest === undefined ? providers.own.get(name) : declared(manifest, profile, name);
  if (secret?.composed !== undefined || secret?.extract !== undefined)
    throw providerError(
      'provider_read_only',
      `${name} is ${secret.composed === undefined ? 'a part of a document' : 'made out of other secrets'}`,
      secret.composed === undefined
        ? 'change the document in its own store'
        : 'set the secrets it is made of',
    );
  const where: Where | undefined =
    manifest === undefined ? undefined : { project: manifest.project, profile };
  const [leaf] = routeOf(manifest, secret, providers, options);
  if (leaf === undefined)
    throw providerError('provider_unknown', `no provider is named for ${name}`, 'name one: --provider tally');
  const provider = await providers.open(leaf, where);
  const ref = refOf(secret, leaf, where, name);
  return {
    name,
    uri: provider.uri,
    ref: ref === undefined ? undefined : showRef(ref),
    address: provider.address(name, ref),
    requireWritable() {
      if (provider.set === undefined) throw readOnly(provider, 'written');
    },
    async writeStored(stored) {
      if (provider.set === undefined) throw readOnly(provider, 'written');
      return provider.set(name, stored, ref);
    },
    async write(value) {
      const { set } = provider;
      if (set === undefined) throw readOnly(provider, 'written');
      const stored = secret === undefined ? value : toStored(secret, value);
      try {
        return await set(name, stored, ref);
      } finally {
        if (stored !== value) stored.fill(0);
      }
    },
    async remove() {
      if (provider.delete === undefined) throw readOnly(provider, 'deleted');
      return provider.delete(name, ref);
    },
    read: () => provider.get(name, ref),
    names: async () => (await provider.list?.()) ?? [],
  };
}

function readOnly({ uri }: Provider, what: string): Error {
  return providerError(
    'provider_read_only',
    `in ${uri} nothing is ${what} from here`,
    'name another place: --provider tally, or change it with the store’s own program',
  );
}
