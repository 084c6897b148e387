/** Which places are asked for a secret, in which order, and by which of the store’s own names. */
import type { Manifest, SecretDeclaration } from './manifest/types.ts';
import { type Alias, type Leaf, type Providers, providerError, type Ref, type Where } from './provider.ts';

export interface RouteOptions {
  /** `--provider`: in place of everything that is said elsewhere. */
  readonly provider?: string | undefined;
}

/** In the order in which they are asked; the first one is written. */
export function routeOf(
  manifest: Manifest | undefined,
  secret: SecretDeclaration | undefined,
  providers: Providers,
  { provider }: RouteOptions = {},
): readonly Leaf[] {
  const project = { directory: manifest?.directory ?? providers.directory };
  if (provider !== undefined) return expand(provider, { trusted: true, directory: providers.directory });
  const named = secret?.providers;
  const list = named ?? providers.usual;
  return list.flatMap((spec) =>
    expand(spec, { ...project, trusted: named === undefined || manifest === undefined }),
  );

  function expand(spec: string, from: Pick<Leaf, 'trusted' | 'directory'>): readonly Leaf[] {
    const own = manifest?.aliases.get(spec);
    if (own !== undefined) return leaves(spec, own, { ...project, trusted: false });
    const machine = providers.aliases.get(spec);
    if (machine !== undefined) return leaves(spec, machine, { ...from, trusted: true });
    return [{ spec, ...from }];
  }

  /** Alternatives of an alias may be aliases; those of these may not. */
  function leaves(name: string, alias: Alias, from: Pick<Leaf, 'trusted' | 'directory'>): readonly Leaf[] {
    const { specs, ref: template, credentials } = alias;
    const [only] = specs;
    if (specs.length === 1 && only !== undefined && !isAlias(only))
      return [{ spec: only, alias: name, template, credentials, ...from }];
    return specs.flatMap((spec) => {
      const inner = manifest?.aliases.get(spec) ?? providers.aliases.get(spec);
      if (inner !== undefined && (spec === name || inner.specs.length > 1 || isAlias(inner.specs[0] ?? '')))
        throw providerError(
          'provider_misconfigured',
          `the alias ${name} leads to ${spec}, which leads on`,
          'an alias names providers, or aliases of one provider each',
        );
      return expand(spec, from);
    });
  }

  function isAlias(spec: string): boolean {
    return manifest?.aliases.has(spec) === true || providers.aliases.has(spec);
  }
}

/** The store’s own coordinates, where somebody said them: for all stores, for this alias, or as its template. */
export function refOf(
  secret: SecretDeclaration | undefined,
  leaf: Leaf,
  where: Where | undefined,
  name: string,
): Ref | undefined {
  if (secret?.ref !== undefined) return secret.ref;
  const own = leaf.alias === undefined ? undefined : secret?.refs?.get(leaf.alias);
  if (own !== undefined) return own;
  if (leaf.template === undefined || where === undefined) return undefined;
  const fill = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : fillTemplate(text, { ...where, key: name });
  return {
    item: fill(leaf.template.item) ?? '',
    field: fill(leaf.template.field),
    vault: fill(leaf.template.vault),
    section: fill(leaf.template.section),
    version: fill(leaf.template.version),
  };
}

/** Each placeholder once: what is put in is never looked at again. */
export function fillTemplate(
  template: string,
  values: { readonly project: string; readonly profile: string; readonly key: string },
): string {
  return template.replace(
    /\{(project|profile|key)\}/g,
    (_, name: 'project' | 'profile' | 'key') => values[name],
  );
}

/** As records and people read it: the coordinates that were given. */
export function showRef(ref: Ref): string {
  return (['vault', 'section', 'item', 'field', 'version'] as const)
    .flatMap((name) => (ref[name] === undefined ? [] : [`${name}=${ref[name]}`]))
    .join(' ');
}
