/** Secrets: who asks for them, what is handed over, and where they are looked for. */
export const SECRET_LIMITS = {
  /** Processes above ours that are looked at and recorded: a shell, a multiplexer and an agent are a handful. */
  ancestors: 16,
  /** Names in one record of many secrets; of more the number is told. */
  accessKeys: 256,
  /** What is remembered of accesses without a record: 60 bytes each. Beyond it nothing is remembered, and the warning says so. */
  gapFileBytes: 1024 * 1024,
} as const;
