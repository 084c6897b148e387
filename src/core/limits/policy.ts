/** What decisions are made of: the policy, rules, windows, budgets, approvals, kill switches, and who may ask. */
export const POLICY_LIMITS = {
  /** Calls of one user that a burst is judged over: shorter is the clock, longer is a rate. */
  burstMs: 1_000,
} as const;
