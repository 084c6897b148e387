/** The SDK: what it keeps of a program's values, what it buffers, and how long it waits. */
export const SDK_LIMITS = {
  /** Events in one request: a burst shares one flush of the disk, and its answer still comes in time. */
  recordBatch: 256,
  /** Bytes of one such request, below `socketMessageBytes` with room for the envelope. */
  recordBatchBytes: 768 * 1024,
  /** Calls that a run told to begin and not to end: far more than any agent has under way, and some megabytes. */
  sdkOpenCalls: 10_000,
  /** Events that wait for the recorder; a program that goes on beyond it without waiting loses some, counted. */
  sdkBufferEvents: 10_000,
  /** Their bytes: what an agent can spare beside its own work. */
  sdkBufferBytes: 32 * 1024 * 1024,
  /** An event, or an action, is tried again for this long before its failure mode decides. */
  sdkRetryMs: 5_000,
  /** Between two tries to reach the recorder. */
  sdkRetryEveryMs: 100,
  /** At a signal, an uncaught error or the end of a program: longer, and whoever sent the signal sends SIGKILL. */
  sdkExitMs: 3_000,
  /** Without a run for this long the connection, or the log, is given back: another recorder may want to start. */
  sdkIdleMs: 300,
  /** A recorder that was there and is gone this long is taken over by the program: one that starts again is back sooner. */
  sdkTakeOverMs: 1_000,
  /** One question about an approval, below `socketAnswerMs`; then it is asked again. */
  sdkApprovalPollMs: 5_000,
  /** Arguments as they are sent to be hashed, below `socketMessageBytes` with what else is said of the action. */
  sdkArgumentsBytes: 384 * 1024,
  /** A payload as it is sent; of it `payloadKeptBytes` is kept unless the machine says otherwise. */
  sdkPayloadBytes: 256 * 1024,
  /** Free objects of an event, as `freeObjectBytes`, with room for what redaction writes in place of values. */
  sdkFreeObjectBytes: 7_168,
  /** Text of one value; what is longer stands there by its length and hash. */
  sdkTextChars: 128 * 1024,
  /** Values looked at in one argument or payload: a program's largest objects must not hold it up. */
  sdkValues: 20_000,
  /** Of nesting, below `jsonDepth`: the rest is left out and said. */
  sdkDepth: 32,
  /** Of what an action gives piece by piece, those that are kept as its result: the others are counted. */
  sdkPieces: 64,
  /** Places of what was left out that are named; all are counted. */
  sdkLeftOutNamed: 16,
  /** What `tally redact` takes at once: transcripts and dumps of a day, held in memory twice. */
  redactInputBytes: 64 * 1024 * 1024,
} as const;
