/** What decisions remember of the calls before them, and what people are asked: windows, budgets, approvals, switches. */
export const GOVERNANCE_LIMITS = {
  /** Text that a rule may read: enough for a currency, a country or an id, too short for a document. */
  factTextBytes: 64,
  /** Users, agents or tools with calls in a window at once, some 200 bytes each; those beyond share one count. */
  windowSubjects: 250_000,
  /** Calls of windows in one snapshot beside the log: 0.2 s of writing. Of more, the next start reads the log. */
  savedCalls: 2_000_000,
  /** Kill switches that are on at once: each is a person's doing, and all are looked through by hand. */
  killSwitches: 1_024,
  /** Runs whose budgets are kept; the one that was silent for longest is forgotten first. */
  budgetRuns: 10_000,
  /** Different actions of one run that are counted for loops; a loop repeats those it did last. */
  budgetActions: 1_024,
  /** Requests for approval that wait at once, some 500 bytes each: more than people answer in their time. */
  approvalsWaiting: 1_000,
  /** Those of one caller among them: one agent in a loop leaves room for the others. */
  approvalsOfOne: 100,
  /** A request for approval that nothing says more of: a person who looks at the screen now and then sees it. */
  approvalTtlMs: 10 * 60_000,
  /** A caller is held this long for a person who sits in front of it, unless the policy says otherwise. */
  approvalHoldMs: 30_000,
  /** Calls that the broker holds for a person at once, each with its body of at most `parsedBodyBytes`. */
  heldCalls: 128,
  /** Between two looks at what has run out: timers of Node end after 24 days, and clocks are set. */
  approvalLookMs: 60_000,
  /** Settled approvals that are still listed; all of them are in the log. */
  approvalsSettled: 1_000,
  /** Requests for approval in one answer: with their addresses they fit into `socketMessageBytes`. */
  approvalsListed: 500,
  /** Of an address in such a list: enough to know it by; the request itself shows all of it. */
  listedTargetChars: 512,
  /** Of the arguments, redacted, what the request for an approval shows: the entry's metadata holds it. */
  approvalShownBytes: 4_096,
} as const;
