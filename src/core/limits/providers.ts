/** Manifests, the places that keep secrets, and the vault's locks. */
export const PROVIDER_LIMITS = {
  /** One `secretspec.toml`: hundreds of secrets, each with a sentence. */
  manifestBytes: 512 * 1024,
  /** Files that one manifest extends, directly or not. */
  manifestFiles: 64,
  /** Nesting in a manifest; what is published needs four levels. */
  manifestDepth: 16,
  /** Providers that are asked for one secret, one after the other. */
  secretAlternatives: 16,
  /** Characters or bytes of a value that is made up; beyond it no service takes a password. */
  generatedChars: 4_096,
  /** RSA keys above this take minutes to make. */
  generatedRsaBits: 8_192,
} as const;
