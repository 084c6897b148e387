/** What may be asked over HTTP of decisions and approvals, and what replaying decisions keeps in memory. */
export const API_LIMITS = {
  /** Body of one request: arguments of a tool. What is larger is no argument but a document; its hash can be one. */
  apiBodyBytes: 1024 * 1024,
  /** Body of a batch, as much as a few hundred ordinary requests. */
  apiBatchBytes: 8 * 1024 * 1024,
  /** Requests in one batch: each costs a decision and an entry, and all are answered together. */
  apiBatchItems: 256,
  /** Bodies of all requests that are being read or answered: beyond it a client is told to come back. */
  apiBodiesBytes: 64 * 1024 * 1024,
  /** A client that sends nothing more of its body for this long is let go. */
  apiBodyIdleMs: 10_000,
  /** Requests under way at once; an answer waits for the disk, so they come in crowds. */
  apiRequests: 512,
  /** How long an answer about one approval may wait for a person: below `tileStallMs`, which ends silent connections. */
  apiWaitMs: 25_000,
  /** Decisions whose outcome nobody has told: some 4 KB each. Beyond it the oldest are closed as unknown. */
  apiOpenDecisions: 10_000,
  /** An outcome that has not come after this long is closed as unknown; it is kept if it comes after all. */
  apiOutcomeMs: 60 * 60 * 1000,
  /** Actions that were closed as unknown and are at hand for an end that comes after all; others are looked for in the log. */
  rememberedUnknown: 10_000,
  /** Outcomes that were reported, to tell whoever reports one twice. */
  apiRememberedOutcomes: 10_000,
  /** The form of an approval page: two members, one of them a sentence. */
  apiFormBytes: 8_192,
  /** Refused approval links that are put on record one by one in a minute: guessing costs nothing. */
  apiRefusedLinks: 60,
  /** People who are told of requests for approval, each at one destination. */
  approvalNotices: 32,
  /** The file of what ran while nothing could be recorded: some ten thousand lines. When it is full nothing goes on. */
  noteFileBytes: 1024 * 1024,
  /** Different differences that a replay against another policy tells apart; the rest is counted together. */
  replayRows: 1_000,
  /** Decisions that did not replay and are named one by one; all are counted. */
  replayProblems: 10_000,
} as const;
