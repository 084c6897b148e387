/** What is shown to the outside. */
export const ANCHOR_LIMITS = {
  /** Shortest time between two checkpoints for one anchor: more often tells the outside nothing new and tires it. */
  anchorEveryLeastMs: 10_000,
  /** Longest: an anchor that is shown less than one checkpoint a year proves nothing about the year. */
  anchorEveryMostMs: 365 * 24 * 60 * 60 * 1000,
  /** Anchors of one machine; each costs requests, receipts and a line in every report. */
  anchors: 32,
  /** The answer of a time stamping authority: a token with a chain of large RSA certificates is a tenth of this. */
  timeStampBytes: 65_536,
  /** Certificates that a token may bring; real ones bring two to four. */
  timeStampCertificates: 16,
  /** Authorities between a token's certificate and a trusted one. */
  timeStampChain: 8,
  /** Issuers tried for one token, each a signature check: certificates that all issue one another must not cost factorials. */
  timeStampSteps: 256,
  /** Files for one size in a directory that is an anchor, beside the first: one cut short cannot be mended there. One digit. */
  fileAnchorTries: 9,
  /** From connecting to the last byte of an anchor's answer, and for one git command: a slow one is retried later. */
  anchorAnswerMs: 30_000,
  /** The answer of a webhook, of which only the hash is kept. */
  webhookAnswerBytes: 65_536,
  /** What one git command may answer: 4,096 commit names, or the directories of a thousand logs. */
  gitOutputBytes: 1024 * 1024,
  /** Old checkpoints read back from one anchor, newest first: a month at one every ten minutes. */
  anchorHeads: 4_096,
  /** One checkpoint, and the rotation notes before it, for one anchor: several exchanges of the time above. */
  anchorAttemptMs: 120_000,
  /** How often the recorder looks whether an anchor is due. */
  anchorTurnMs: 1_000,
  /** After a failure an anchor is asked again after this long, and twice as long after each further one. */
  anchorRetryMs: 15_000,
  /** The longest such wait: an outage of a night is over within the hour. */
  anchorRetryMostMs: 60 * 60 * 1000,
  /** At the end, for what is under way to notice that it was aborted. */
  anchorCloseMs: 2_000,
  /** One answer to a request to anchor now, below `socketAnswerMs`; what is not done by then is asked for again. */
  anchorRunAnswerMs: 5_000,
  /** Entries about anchors that are told apart from news: those of a day in which every anchor fails in two ways. */
  rememberedAnchorEntries: 4_096,
  /** Entries about receipts that one verification holds against the files: two years of one every ten minutes. */
  anchorEntries: 100_000,
  /** Receipts of one anchor that are tried for a time window until one is good: a bad one costs a signature check. */
  windowReceipts: 16,
  /** Entries that name a receipt and are tried for a time window, newest first: each costs two proofs and a signature. */
  windowEntries: 16,
  /** Checkpoints of which cosignatures are checked for one proof file, those with the most first: the first is nearly always it. */
  cosignedCheckpoints: 64,
} as const;
