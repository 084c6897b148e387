/**
 * What a place that keeps secrets has to do, one file each in `providers/`, and how it says that it could not.
 *
 * A provider is opened for one project and one profile and is asked by the secret's own name; where it keeps that is
 * its business, unless the manifest says so (`ref`). Values are buffers that the caller wipes. No error and no `uri`
 * holds a value, a password or a token.
 */
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SecretDeclaration } from './manifest/types.ts';
import type { Alias, Aliases, Ref } from './ref.ts';

export type { Alias, Aliases, Ref } from './ref.ts';

/** Whose secrets: both are part of where they are kept. Absent: the machine's own, which the broker uses. */
export interface Where {
  readonly project: string;
  readonly profile: string;
}

export interface Provider {
  /** Where it is, without user, password or token: for records and people. */
  readonly uri: string;
  /** Where `name` is kept, in the store's own words: shown before something is written there. */
  address(name: string, ref?: Ref): string;
  /** undefined: the store answered that it has none. Everything else that is not a value rejects. */
  get(name: string, ref?: Ref): Promise<Buffer | undefined>;
  /**
   * Durable, as far as the store is, when it resolves. `value` is not kept. Absent: read-only. true: there was none
   * before; undefined: the store does not say.
   */
  set?(name: string, value: Uint8Array, ref?: Ref): Promise<boolean | undefined>;
  /** false when there was none. */
  delete?(name: string, ref?: Ref): Promise<boolean>;
  /** Names that it keeps for this project and profile, sorted. */
  list?(): Promise<readonly string[]>;
  /** Forgets what it remembers. */
  close?(): void;
}

/** One place to ask, as it was named. */
export interface Leaf {
  /** The name of a provider, or a URI. */
  readonly spec: string;
  /** The alias that stood for it. */
  readonly alias?: string | undefined;
  readonly template?: Ref | undefined;
  readonly credentials?: Alias['credentials'] | undefined;
  /** Named by the person or the machine’s configuration, not by a manifest that came with a repository. */
  readonly trusted: boolean;
  /** What relative paths are relative to. */
  readonly directory: string;
}

export interface Providers {
  /** Opens what was not opened yet. `where` absent: the machine’s own secrets. */
  open(leaf: Leaf, where: Where | undefined): Promise<Provider>;
  /** Of the machine. Those of a manifest win over them. */
  readonly aliases: Aliases;
  /** The machine's own secrets of which its configuration says where they are kept. */
  readonly own: ReadonlyMap<string, SecretDeclaration>;
  /** Where secrets are kept when nothing else is said: the machine’s setting, else the local vault. */
  readonly usual: readonly string[];
  /** Where the command was called. */
  readonly directory: string;
  /** Forgets all that were opened. */
  close(): void;
}

/** How a provider fails. Part of the records: add, never rename. */
export type ProviderErrorKind =
  /** No such alias, name or scheme. */
  | 'provider_unknown'
  /** Its address or its setting is not understood. */
  | 'provider_misconfigured'
  /** Named by a manifest, which may not make this machine do that. */
  | 'provider_untrusted'
  /** Not installed, not running, not reachable. */
  | 'provider_unavailable'
  /** It is there, and wants to be unlocked or logged in to. */
  | 'provider_locked'
  /** It knows who asks, and says no. */
  | 'provider_denied'
  | 'provider_timeout'
  /** It ran, and failed in its own way. */
  | 'provider_failed'
  /** Its answer is not one. */
  | 'provider_answer_invalid'
  | 'provider_read_only'
  /** A coordinate that this store has no equivalent for. */
  | 'ref_unsupported'
  | 'value_too_large'
  /** The store cannot hold such a value, or what it holds does not decode as the manifest says. */
  | 'value_invalid';

export function providerError(
  kind: ProviderErrorKind,
  message: string,
  hint: string,
  cause?: unknown,
): TallyError {
  return new TallyError('PROVIDER_FAILED', message, { hint, details: { kind }, cause });
}

/** For stores whose secrets are single values: everything but the item is refused, never left unread. */
export function itemOf(ref: Ref | undefined, store: string): string | undefined {
  if (ref === undefined) return undefined;
  const extra = (['field', 'vault', 'section', 'version'] as const).find((name) => ref[name] !== undefined);
  if (extra === undefined) return ref.item;
  throw providerError(
    'ref_unsupported',
    `a secret in ${store} has no ${extra}`,
    `take ${extra} out of its ref: { item = "…" } is all there is`,
  );
}

/** A store that would not give back what it was given is told before, not after. */
export function requireSize(value: Uint8Array, name: string): void {
  if (value.length <= LIMITS.secretMaxBytes) return;
  throw providerError(
    'value_too_large',
    `the value of ${name} has more than ${LIMITS.secretMaxBytes} bytes`,
    'keep large files elsewhere and store the key that opens them',
  );
}
