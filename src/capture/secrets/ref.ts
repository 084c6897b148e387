/** How a secret, and a place that keeps secrets, are named. */

/** The store's own coordinates of a secret, in place of the convention (`ref` of the manifest). */
export interface Ref {
  /** The store's complete name. */
  readonly item: string;
  readonly field?: string | undefined;
  readonly vault?: string | undefined;
  readonly section?: string | undefined;
  readonly version?: string | undefined;
}

export type Aliases = ReadonlyMap<string, Alias>;

export interface Alias {
  /** Alternatives in order; one for an ordinary alias. */
  readonly specs: readonly string[];
  /** Names for the store's own coordinates, with {project}, {profile} and {key}. */
  readonly ref?: Ref | undefined;
  /** Where the provider's own credentials come from: name of the credential → provider, and coordinates there. */
  readonly credentials?: ReadonlyMap<string, { readonly provider: string; readonly ref?: Ref | undefined }>;
}
