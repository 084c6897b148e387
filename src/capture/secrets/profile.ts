/** All secrets of a profile at once: what there is, what is missing, what could not be found out. */
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { didYouMean } from '../../core/policy/suggest.ts';
import type { Manifest, SecretDeclaration } from './manifest/types.ts';
import type { Providers } from './provider.ts';
import { type Resolved, resolveSecret, secretsOf } from './resolve.ts';
import type { RouteOptions } from './route.ts';

export interface ProfileOptions extends RouteOptions {
  readonly scope?: string | undefined;
}

export type ProfileSecret = { readonly secret: SecretDeclaration } & (
  | { readonly resolved: Resolved }
  | { readonly failure: unknown }
);

export interface ProfileState {
  /** In the order of their names. Values are the caller's to wipe: `wipeProfile`. */
  readonly secrets: readonly ProfileSecret[];
  /** Required, and neither there nor failed. */
  readonly missing: readonly string[];
  /** Groups that are not kept, in words. */
  readonly groups: readonly {
    readonly group: string;
    readonly members: readonly string[];
    readonly what: string;
  }[];
}

/** Those of a profile that a scope lets through; all of them without one. */
export function visibleSecrets(
  manifest: Manifest,
  profile: string,
  scope: string | undefined,
): readonly SecretDeclaration[] {
  const all = [...secretsOf(manifest, profile).values()];
  if (scope === undefined || scope === '') return all;
  const names = manifest.scopes.get(scope);
  if (names !== undefined) return all.filter(({ name }) => names.includes(name));
  const guess = didYouMean(scope, manifest.scopes.keys());
  throw new TallyError('NOT_FOUND', `${manifest.path} has no scope ${scope}`, {
    hint: guess === undefined ? 'see [scopes] in it' : `did you mean ${guess}?`,
    details: { kind: 'profile_unknown' },
  });
}

/** Asks for several at a time. Never rejects for a store that failed: that is one secret's `failure`. */
export async function resolveProfile(
  manifest: Manifest,
  profile: string,
  providers: Providers,
  options: ProfileOptions = {},
): Promise<ProfileState> {
  const visible = visibleSecrets(manifest, profile, options.scope);
  const found: ProfileSecret[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < visible.length; i = next++) {
      const secret = visible[i];
      if (secret === undefined) return;
      try {
        found[i] = {
          secret,
          resolved: await resolveSecret(manifest, profile, secret.name, providers, options),
        };
      } catch (failure) {
        found[i] = { secret, failure };
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.secretsAtOnce }, worker));
  return { secrets: found, missing: missingIn(found), groups: brokenGroups(found) };
}

export function wipeProfile({ secrets }: Pick<ProfileState, 'secrets'>): void {
  for (const found of secrets) if ('resolved' in found) found.resolved.value?.fill(0);
}

function missingIn(secrets: readonly ProfileSecret[]): readonly string[] {
  return secrets.flatMap((found) =>
    'resolved' in found && found.resolved.found === 'missing' && found.secret.required
      ? [found.secret.name]
      : [],
  );
}

/** A member whose store failed may be there: its group is then not judged, the failure stops the work anyway. */
function brokenGroups(secrets: readonly ProfileSecret[]): ProfileState['groups'] {
  const groups = new Map<string, { mode: string; present: string[]; members: string[]; unknown: boolean }>();
  for (const found of secrets)
    for (const { group, mode } of found.secret.groups) {
      const here = groups.get(group) ?? { mode, present: [], members: [], unknown: false };
      here.members.push(found.secret.name);
      if ('failure' in found) here.unknown = true;
      else if (found.resolved.value !== undefined) here.present.push(found.secret.name);
      groups.set(group, here);
    }
  return [...groups].flatMap(([group, { mode, present, members, unknown }]) => {
    if (present.length === 0)
      return unknown ? [] : [{ group, members, what: `none of ${members.join(', ')} is there` }];
    if (mode === 'at_least_one' || present.length === 1) return [];
    return [{ group, members, what: `${present.join(' and ')} exclude each other` }];
  });
}
