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
  /** Secrets of a profile that are asked for at once: what a command-line manager stands, and a token server. */
  secretsAtOnce: 4,
  /** An OS keyring may ask a person to unlock it; beyond it nobody is there. */
  keyringMs: 60_000,
  /** A command-line manager may ask for a finger or a passphrase; beyond it nobody is there. */
  providerCommandMs: 60_000,
  /** Between asking such a program to end and ending it. */
  providerKillMs: 2_000,
  /** Of what such a program complains: its last line is told, and there are those that print a manual. */
  providerStderrChars: 8_192,
  /** One `.env` file: some hundred of the largest values. */
  dotenvBytes: 8 * 1024 * 1024,
  /** One request to a server of secrets; beyond it whoever waits wants to know why. */
  providerRequestMs: 15_000,
  /** An answer of such a server: the largest value, escaped, with room for its envelope. */
  providerReplyBytes: 1024 * 1024,
  /** Of the words of a server that says no. */
  providerWordsChars: 160,
  /** The vault's passphrase is asked for again after this: a working day, not a forgotten night. */
  vaultUnlockMs: 8 * 60 * 60_000,
  /** Wrong passphrases before the next one has to wait: everybody mistypes. */
  passphraseFreeTries: 3,
  /** The longest such wait; from the first it doubles each time. */
  passphraseWaitMs: 5 * 60_000,
  /** A credential of the broker that came from another store is asked for again after this. */
  heldCredentialMs: 60_000,
  /** Such credentials in memory at once. */
  heldCredentials: 64,
} as const;
