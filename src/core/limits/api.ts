/** What may be asked over HTTP of decisions and approvals, and what replaying decisions keeps in memory. */
export const API_LIMITS = {
  /** Different differences that a replay against another policy tells apart; the rest is counted together. */
  replayRows: 1_000,
  /** Decisions that did not replay and are named one by one; all are counted. */
  replayProblems: 10_000,
} as const;
