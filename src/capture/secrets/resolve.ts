/**
 * From the name of a secret to its value: the alternatives in their order, and a record of who was asked and what
 * served it. A store that failed is never taken for one that has nothing: with an error on the way and no value from
 * anywhere, the error is the answer, not `missing` and not the default; but for optional secrets that another store
 * does not have.
 */
import { isTallyError, TallyError } from '../../core/error.ts';
import { didYouMean } from '../../core/policy/suggest.ts';
import { parseTemplate, renderTemplate } from './manifest/template.ts';
import type { Manifest, SecretDeclaration } from './manifest/types.ts';
import type { Leaf, Provider, Providers, Ref, Where } from './provider.ts';
import { type RouteOptions, refOf, routeOf, showRef } from './route.ts';
import { fromStored } from './transform.ts';

export interface Tried {
  /** Without credentials. */
  readonly provider: string;
  readonly result: 'found' | 'missing' | 'error';
  /** A `ProviderErrorKind`, or the code of the error. */
  readonly error_kind?: string;
  /** What happened, in words; never a value. */
  readonly error?: string;
}

export interface Resolved {
  readonly found: 'found' | 'missing' | 'default';
  /** To be wiped by whoever asked. undefined exactly when it is missing. */
  readonly value: Buffer | undefined;
  /** What served it, without credentials; undefined for a default, a composed secret and a missing one. */
  readonly provider: string | undefined;
  /** The store's own coordinates, where the manifest names them. */
  readonly ref: string | undefined;
  readonly tried: readonly Tried[];
  /** The program gets the path of a file with the value. */
  readonly asPath: boolean;
}

const FAILED = new WeakMap<object, readonly Tried[]>();

/** Who was asked before `error` was the answer. */
export function triedOf(error: unknown): readonly Tried[] {
  return (typeof error === 'object' && error !== null ? FAILED.get(error) : undefined) ?? [];
}

/** The declaration, or why there is none. */
export function declared(manifest: Manifest, profile: string, name: string): SecretDeclaration {
  const found = secretsOf(manifest, profile).get(name);
  if (found !== undefined) return found;
  const guess = didYouMean(name, secretsOf(manifest, profile).keys());
  throw new TallyError('NOT_FOUND', `profile ${profile} of ${manifest.project} declares no secret ${name}`, {
    hint:
      guess === undefined
        ? `declare it in ${manifest.path}, or for one of this machine and not of the project: tally secrets set, get or delete --global`
        : `did you mean ${guess}?`,
    details: { kind: 'secret_undeclared' },
  });
}

export function secretsOf(manifest: Manifest, profile: string): ReadonlyMap<string, SecretDeclaration> {
  const found = manifest.profiles.get(profile);
  if (found !== undefined) return found.secrets;
  const names = [...manifest.profiles.keys()];
  const guess = didYouMean(profile, names);
  throw new TallyError('NOT_FOUND', `${manifest.path} has no profile ${profile}`, {
    hint: guess === undefined ? `it has ${names.join(', ')}` : `did you mean ${guess}?`,
    details: { kind: 'profile_unknown' },
  });
}

/**
 * `manifest` absent: the machine's own secret of that name. Rejects with what kept it from knowing; `triedOf(error)`
 * then says who was asked. Writes nothing.
 */
export async function resolveSecret(
  manifest: Manifest | undefined,
  profile: string,
  name: string,
  providers: Providers,
  options: RouteOptions = {},
): Promise<Resolved> {
  const secret = manifest === undefined ? providers.own.get(name) : declared(manifest, profile, name);
  const where = manifest === undefined ? undefined : { project: manifest.project, profile };
  if (manifest !== undefined && secret?.composed !== undefined)
    return compose(secret.composed, secret, (other) =>
      resolveSecret(manifest, profile, other, providers, options),
    );
  const tried: Tried[] = [];
  let failure: unknown;
  for (const leaf of routeOf(manifest, secret, providers, options)) {
    const ref = refOf(secret, leaf, where, name);
    const answer = await askOne(providers, leaf, where, name, ref);
    tried.push(answer.tried);
    if (answer.value !== undefined) {
      const value = secret === undefined ? answer.value : fromStored(secret, answer.value);
      return {
        found: 'found',
        value,
        provider: answer.tried.provider,
        ref: ref === undefined ? undefined : showRef(ref),
        tried,
        asPath: secret?.asPath ?? false,
      };
    }
    failure ??= answer.failure;
  }
  // Without an optional one a program goes on by its own account; somebody has to have said that there is none.
  const dispensable = secret !== undefined && !secret.required && secret.default === undefined;
  const denied = tried.some(({ result }) => result === 'missing');
  if (failure !== undefined && !(dispensable && denied)) {
    if (typeof failure === 'object' && failure !== null) FAILED.set(failure, tried);
    throw failure;
  }
  const fallback = secret?.default;
  return {
    found: fallback === undefined ? 'missing' : 'default',
    value: fallback === undefined ? undefined : Buffer.from(fallback),
    provider: undefined,
    ref: undefined,
    tried,
    asPath: secret?.asPath ?? false,
  };
}

interface Answer {
  readonly tried: Tried;
  readonly value?: Buffer | undefined;
  readonly failure?: unknown;
}

async function askOne(
  providers: Providers,
  leaf: Leaf,
  where: Where | undefined,
  name: string,
  ref: Ref | undefined,
): Promise<Answer> {
  let provider: Provider | undefined;
  try {
    provider = await providers.open(leaf, where);
    const value = await provider.get(name, ref);
    return { value, tried: { provider: provider.uri, result: value === undefined ? 'missing' : 'found' } };
  } catch (failure) {
    // A bug is not an unreachable store.
    if (!isTallyError(failure)) throw failure;
    const kind = failure.details?.kind;
    return {
      failure,
      tried: {
        provider: provider?.uri ?? leaf.alias ?? nameOf(leaf.spec),
        result: 'error',
        error_kind: typeof kind === 'string' ? kind : failure.code,
        error: failure.message,
      },
    };
  }
}

/** Of an address that was not understood only what cannot hold a password. */
function nameOf(spec: string): string {
  return /^[a-z][a-z0-9+_-]{0,31}/i.exec(spec)?.[0] ?? 'unknown';
}

async function compose(
  template: string,
  { name, asPath }: SecretDeclaration,
  get: (name: string) => Promise<Resolved>,
): Promise<Resolved> {
  const parsed = parseTemplate(template);
  if ('problem' in parsed) throw new TallyError('INTERNAL', `${name}: ${parsed.problem}`);
  const parts = new Map<string, Resolved>();
  try {
    for (const other of parsed.names) parts.set(other, await get(other));
    const value = renderTemplate(parsed, (other) => parts.get(other)?.value);
    return {
      found: value === undefined ? 'missing' : 'found',
      value,
      provider: undefined,
      ref: undefined,
      tried: [...parts.values()].flatMap(({ tried }) => tried),
      asPath,
    };
  } finally {
    for (const { value } of parts.values()) value?.fill(0);
  }
}
