/** Fetching what a call names from where it is kept. Called only after the pre_exec of the call is durable. */
import { isTallyError } from '../../core/error.ts';
import { secretErrorKind } from '../../core/secret-errors.ts';
import type { CredentialSource, Held } from '../secrets/credentials.ts';
import type { Failure } from './failure.ts';
import type { Injection } from './headers.ts';

export interface Credential {
  readonly ref: string;
  readonly value: Buffer;
  /** Changes when the value does. */
  readonly version: string;
}

export type Fetched = { readonly credentials: readonly Credential[] } | { readonly failure: Failure };

export function wipe(credentials: readonly Credential[]): void {
  for (const { value } of credentials) value.fill(0);
}

/** A promise only where a store has to be asked that is not on this machine. */
export function fetchCredentials(
  source: Pick<CredentialSource, 'get'>,
  injections: readonly Injection[],
): Fetched | Promise<Fetched> {
  const refs = [...new Set(injections.map(({ ref }) => ref))];
  const found = refs.map((ref) => read(source, ref));
  return found.some((one) => one instanceof Promise)
    ? Promise.all(found).then((all) => together(refs, all))
    : together(refs, found as readonly Read[]);
}

type Read = Held | undefined | { readonly failure: Failure };

function together(refs: readonly string[], found: readonly Read[]): Fetched {
  const credentials: Credential[] = [];
  let broken: Fetched | undefined;
  refs.forEach((ref, i) => {
    const one = found[i];
    if (one === undefined || 'failure' in one) broken ??= one ?? missing(ref);
    else credentials.push({ ref, ...one });
  });
  if (broken === undefined) return { credentials };
  wipe(credentials);
  return broken;
}

function read(source: Pick<CredentialSource, 'get'>, ref: string): Read | Promise<Read> {
  try {
    const found = source.get(ref);
    return found instanceof Promise ? found.catch(failed) : found;
  } catch (error) {
    return failed(error);
  }
}

/** Our own words name a file or a store and never a value; another error's words could be anything. */
function failed(error: unknown): { readonly failure: Failure } {
  const text = isTallyError(error) ? error.message : 'the credential file cannot be read';
  return { failure: { status: 'error', kind: kindOf(error), text } };
}

function kindOf(error: unknown): string {
  const kind = secretErrorKind(error);
  return kind === 'internal' ? 'vault_unreadable' : kind;
}

/** Published clients recognise a missing credential by these words. */
function missing(ref: string): Fetched {
  const text = `secret '${ref}' not found in keychain — add it with: tally secrets set ${ref}`;
  return { failure: { status: 'error', kind: 'credential_missing', text } };
}
