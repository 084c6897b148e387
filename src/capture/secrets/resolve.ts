/**
 * From the name of a secret to its value: the alternatives in their order, and a record of who was asked and what
 * served it. A store that failed is never taken for one that has nothing: with an error on the way and no value from
 * anywhere, the error is the answer, not `missing` and not the default.
 */
import type { Manifest } from './manifest/types.ts';
import type { Providers } from './provider.ts';

export interface Tried {
  /** Without credentials. */
  readonly provider: string;
  readonly result: 'found' | 'missing' | 'error';
  /** A `ProviderErrorKind`, or the code of the error. */
  readonly error_kind?: string;
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

/** Rejects with what kept it from knowing; `tried` is then in no result, and `triedOf(error)` has it. */
export type ResolveSecret = (
  manifest: Manifest | undefined,
  profile: string,
  name: string,
  providers: Providers,
) => Promise<Resolved>;
