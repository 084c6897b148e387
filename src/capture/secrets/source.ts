/** A place that values are imported from, by the names it has for them. Values are taken as they are stored. */
import type { Manifest } from './manifest/types.ts';
import type { Providers, Where } from './provider.ts';
import { secretsOf } from './resolve.ts';
import { refOf, routeOf } from './route.ts';

export interface Source {
  /** Without credentials. */
  readonly uri: string;
  readonly spec: string;
  /** It holds much that is nobody's secret, so what is not asked for is not worth a word. */
  readonly listsForeign: boolean;
  get(name: string): Promise<Buffer | undefined>;
  /** Empty where it cannot list. */
  names(): Promise<readonly string[]>;
}

/** `from`: what `--from` says. An alias keeps its own names for secrets. */
export async function openSource(
  manifest: Manifest | undefined,
  profile: string,
  providers: Providers,
  from: string,
): Promise<Source> {
  const where: Where | undefined =
    manifest === undefined ? undefined : { project: manifest.project, profile };
  const [leaf] = routeOf(manifest, undefined, providers, { provider: from });
  if (leaf === undefined) throw new Error('a route has a first place');
  const provider = await providers.open(leaf, where);
  return {
    uri: provider.uri,
    spec: leaf.spec,
    listsForeign: provider.uri === 'env://',
    get(name) {
      const secret = manifest === undefined ? undefined : secretsOf(manifest, profile).get(name);
      return provider.get(name, refOf(secret, leaf, where, name));
    },
    names: async () =>
      provider.uri === 'env://' && manifest === undefined ? [] : ((await provider.list?.()) ?? []),
  };
}
