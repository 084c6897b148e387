/** Fetching what a call names from the vault. Called only after the pre_exec of the call is durable. */
import { isTallyError } from '../../core/error.ts';
import type { Vault } from '../secrets/vault.ts';
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

export function fetchCredentials(vault: Pick<Vault, 'get'>, injections: readonly Injection[]): Fetched {
  const credentials: Credential[] = [];
  for (const { ref } of injections) {
    if (credentials.some((fetched) => fetched.ref === ref)) continue;
    const found = read(vault, ref);
    if (found === undefined || 'failure' in found) {
      wipe(credentials);
      return found ?? missing(ref);
    }
    credentials.push({ ref, ...found });
  }
  return { credentials };
}

function read(vault: Pick<Vault, 'get'>, ref: string): ReturnType<Vault['get']> | { failure: Failure } {
  try {
    return vault.get(ref);
  } catch (error) {
    // The vault's own words name a file and never a value; another error's words could be anything.
    const why = isTallyError(error) ? error.message : 'the credential file cannot be read';
    return { failure: { status: 'error', kind: 'vault_unreadable', text: why } };
  }
}

/** Published clients recognise a missing credential by these words. */
function missing(ref: string): Fetched {
  const text = `secret '${ref}' not found in keychain — add it with: tally secrets set ${ref}`;
  return { failure: { status: 'error', kind: 'credential_missing', text } };
}
