/** What decisions remember of the calls before them, and what people are asked: windows, budgets, approvals, switches. */
export const GOVERNANCE_LIMITS = {
  /** Text that a rule may read: enough for a currency, a country or an id, too short for a document. */
  factTextBytes: 64,
} as const;
