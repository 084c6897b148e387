/**
 * What a run has in its environment in place of the secrets that its project declares: texts that the broker replaces
 * in a call, towards the hosts that the policy gives the credential to, and that are worth nothing elsewhere.
 *
 * Of a working tree only the names count (`secretspec.toml`); what they stand for is the machine's own.
 */
import { PLACEHOLDER_PREFIX, placeholderFor } from '../../../capture/proxy/placeholder.ts';
import { findManifest } from '../../../capture/secrets/manifest/find.ts';
import type { SecretDeclaration } from '../../../capture/secrets/manifest/types.ts';
import { vaultPrefix } from '../../../capture/secrets/providers/local.ts';
import type { Context } from '../../context.ts';
import { isReserved } from './environment.ts';

export interface Declared {
  readonly names: readonly string[];
  /** Of these, what the program can do without: a placeholder for nothing would make it try. */
  readonly optional: ReadonlySet<string>;
  /** Before the names of the project's own secrets in the machine's vault. */
  readonly prefix: string;
}

export const NOTHING_DECLARED: Declared = { names: [], optional: new Set(), prefix: '' };

/** What the project of this directory declares; nothing where there is none. Throws MANIFEST_INVALID. */
export async function declaredSecrets({ env }: Context, directory: string): Promise<Declared> {
  const path = findManifest(directory);
  if (path === undefined) return NOTHING_DECLARED;
  const [{ loadManifest }, { visibleSecrets }] = await Promise.all([
    import('../../../capture/secrets/manifest/load.ts'),
    import('../../../capture/secrets/profile.ts'),
  ]);
  const manifest = loadManifest(path);
  const profile = env.TALLY_PROFILE || env.SECRETSPEC_PROFILE || 'default';
  const secrets = visibleSecrets(manifest, profile, undefined).filter(
    (secret) => isOpaque(secret) && !isReserved(secret.name),
  );
  return {
    names: secrets.map(({ name }) => name),
    optional: new Set(secrets.filter(({ required }) => !required).map(({ name }) => name)),
    prefix: vaultPrefix({ project: manifest.project, profile }),
  };
}

/**
 * A text that a program only passes on. A default is a setting that it reads, a file has to be there, and what is
 * composed of other secrets is nowhere as a whole.
 */
function isOpaque(secret: SecretDeclaration): boolean {
  return secret.default === undefined && secret.composed === undefined && !secret.asPath;
}

/**
 * `known`: the names in the machine's vault. The project's own come first, then the machine's under the same name, which
 * may be kept elsewhere, so that what is required has a placeholder in any case: its call says what is missing.
 */
export function placeholdersOf(
  { names, optional, prefix }: Declared,
  token: string,
  known: readonly string[],
): Record<string, string> {
  const stored = new Set(known);
  const refs = names.flatMap((name) => {
    const own = `${prefix}${name}`;
    if (stored.has(own)) return [[name, own] as const];
    return optional.has(name) && !stored.has(name) ? [] : [[name, name] as const];
  });
  return Object.fromEntries(refs.map(([name, ref]) => [name, placeholderFor(token, ref)]));
}

/** Those of which the environment has a value of its own, where nobody asked for another one to be put there. */
export function replacedBy(
  placeholders: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>> = {},
  env: Context['env'] = {},
): readonly string[] {
  return Object.keys(placeholders).filter((name) => {
    const own = env[name] ?? '';
    return own !== '' && !own.startsWith(PLACEHOLDER_PREFIX) && !Object.hasOwn(given, name);
  });
}
