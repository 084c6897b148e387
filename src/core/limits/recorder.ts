/** The writer: batches, requests of other processes, payloads. */
export const RECORDER_LIMITS = {
  /** Entries in one write: bounds the latency that a burst adds to the first of its batch. */
  batchEntries: 8_192,
  /** An entry that nobody waits for goes with the next that somebody does, or after this long: half the flushes of a lone caller. */
  unawaitedMs: 2,
  /** Bytes in one write. */
  batchBytes: 8 * 1024 * 1024,
  /** Events waiting for the disk. Beyond it the caller is told to wait instead of memory growing without end. */
  queuedBytes: 64 * 1024 * 1024,
  /** The longest time between an acknowledged entry and a signature over it. */
  checkpointMs: 200,
  /** Quiet time before an idle log is signed: one signature a burst, not one an entry. */
  checkpointIdleMs: 10,
  /** From so many files of a log on, a thread of their own writes them: tiles of 2,000 entries, which only a burst fills. */
  threadedFiles: 8,
  /** That thread ends when it had nothing to write for so long: it holds some megabytes. */
  filesThreadIdleMs: 30_000,
  /** A client that lost its recorder has this long to come back before its open actions are closed as unknown. */
  orphanGraceMs: 30_000,
  /** Ids remembered for idempotent retries. */
  rememberedIds: 100_000,
  /** Ended runs kept in the registry: a token of one of them is told to be revoked, an older one is just unknown. */
  rememberedRuns: 1_000,

  /** One message on the hand-over socket: the largest entry, escaped, with room for its envelope. */
  socketMessageBytes: 1024 * 1024,
  /** Rows of one answer that lists agents and tokens: half a message, so that the rest fits too. */
  listedBytes: 512 * 1024,
  /** Requests of one client under way at once; beyond it the writer stops reading from that client. */
  socketRequests: 1_024,
  /** Clients of the hand-over socket at once. */
  socketClients: 256,
  /** From connecting to the first request; a client that never says who it is would hold one of those places. */
  socketHelloMs: 5_000,
  /** For one answer of the writer: above any flush of a slow disk. A writer that was stopped never answers. */
  socketAnswerMs: 10_000,
  /** Unix socket paths longer than this fail in the kernel (sun_path). */
  socketPathBytes: 107,

  /** One payload, before and after redaction: what one line of the hand-over socket can bring. */
  payloadBytes: 1024 * 1024,
  /** Of a redacted payload this much is kept unless the machine's configuration says otherwise: a page, not a dump. */
  payloadKeptBytes: 16_384,
  /** Data keys held ready; each belongs to one run, subject and class. One that comes back after leaving costs two flushes. */
  dataKeys: 1_024,
  /** Payloads under one data key. Random nonces of 96 bits then repeat with a chance below 2^-57. */
  dataKeyUses: 1_048_576,
  /** A wrapped data key with what it is for: a few hundred bytes. */
  dataKeyFileBytes: 4_096,
  /** Keys of payloads that do not check, told apart until the log says which were erased; more is damage or an attack. */
  suspectKeys: 100_000,
  /** Days that something is kept: a hundred years, beyond which nobody means a number of days. */
  retentionDays: 36_525,
  /** Between two times that a recorder removes what is due: segments are days long. */
  retainEveryMs: 60 * 60 * 1000,
  /** After a start, before the first time: most commands that write one entry are over by then. */
  retainAfterStartMs: 60_000,
  /** One answer to a request to remove what is due, below `socketAnswerMs`; what is not done by then is asked for again. */
  retainAnswerMs: 5_000,
  /** Names of fields that the configuration adds to those whose values are redacted. */
  redactedFields: 256,
  /** Types and classes that `payloads` in the configuration can name. */
  payloadRules: 256,
  /** A directory that the configuration names; the kernel takes no longer path (PATH_MAX). */
  configPathChars: 4_095,
} as const;
