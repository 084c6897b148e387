/** Secrets: who asks for them, what is handed over, and where they are looked for. */
export const SECRET_LIMITS = {
  /** Processes above ours that are looked at and recorded: a shell, a multiplexer and an agent are a handful. */
  ancestors: 16,
  /** Names in one record of many secrets; of more the number is told. */
  accessKeys: 256,
  /** Files that one scan looks at; years of an agent's sessions are some thousand. Of more the rest is told. */
  scanFiles: 200_000,
  /** Directories inside of each other that a scan goes into. */
  scanDepth: 32,
  /** Read of a file at a time; what may be the beginning of a value at its end is looked at again with the next. */
  scanChunkBytes: 1024 * 1024,
  /** Places that are told of one secret in one file; all are counted. */
  scanPlaces: 5,
  /** A file of roots, or of wget's settings, that a run takes over from the user: all public roots are some 250 KB. */
  caBundleBytes: 4 * 1024 * 1024,
} as const;
