/** What decisions are made of: the policy, rules, windows, budgets, approvals, kill switches, and who may ask. */
export const POLICY_LIMITS = {
  /** Calls of one user that a burst is judged over: shorter is the clock, longer is a rate. */
  burstMs: 1_000,

  /** The text of one rule: two hundred parts of twenty characters each. */
  celChars: 4_096,
  /** Parts of one rule: people read none that is longer, and each costs some ten nanoseconds a call. */
  celNodes: 200,
  /** Nesting of one rule; the parser and the checker recurse. */
  celDepth: 32,
  /** Items of a list that a rule goes through or looks into. */
  celListItems: 1_000,
  /** What one evaluation spends on items and characters before it is given up: some milliseconds. */
  celWork: 1_000_000,
  /** Text that a rule puts together: longer is no name, path or address. */
  celTextChars: 16_384,
  /** Scopes that one token passes on: each is in the record of every call made with it. */
  tokenScopes: 64,
  /** One name of a scope. */
  scopeChars: 128,
  /** Tools, hosts or credentials in one list of a token's own contract. */
  contractNames: 64,
  /** Of `decisionInputsBytes`, what the caller's identity with its chain may take; a token that needs more is refused when it is asked for. */
  identityBytes: 2_560,
  /** A delegated token whose parent never expires: agents work for hours, and its holder may forget it. */
  delegatedTokenMs: 24 * 60 * 60 * 1000,
  /** From so many tokens on, the dead ones are forgotten, some 300 bytes each. */
  rememberedTokens: 100_000,
  /** Between two times that dead tokens are looked for: it costs a look at each. */
  forgetTokensEvery: 4_096,
  /** Tokens that are known at once, above which agents are refused to pass theirs on; the operator is not. */
  tokens: 400_000,
} as const;
