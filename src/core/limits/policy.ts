/** What decisions are made of: the policy, rules, windows, budgets, approvals, kill switches, and who may ask. */
export const POLICY_LIMITS = {
  /** Calls of one user that a burst is judged over: shorter is the clock, longer is a rate. */
  burstMs: 1_000,

  /** A policy file: 100,000 users and 10,000 rules, a line of some 130 bytes each, as JSON, which is YAML too. */
  policyBytes: 16 * 1024 * 1024,
  /** Of one that is not JSON: reading YAML takes half a second and 200 MB for each of these. */
  policyYamlBytes: 1024 * 1024,
  /** Values and keys in one of that size: 100,000 users have a million. */
  policyValues: 2_000_000,
  /** Problems of one file that are looked into; of more, the number is told. */
  policyProblems: 1_000,
  /** Users of one tenant; each decision looks up one. */
  policyUsers: 100_000,
  /** Rules of one policy; each takes some 30 nanoseconds of every call that it may be about. */
  policyRules: 10_000,
  /** Tools that a policy speaks of: a hundred servers with a hundred each. */
  policyTools: 10_000,
  /** Credentials that a policy speaks of. */
  policyCredentials: 10_000,
  /** Agents that a policy speaks of. */
  policyAgents: 10_000,
  /** Roles of one policy: people have to know them. */
  policyRoles: 1_000,
  /** Scopes of one role with those that it inherits: roles of roles would multiply them. */
  roleScopes: 1_000,
  /** Facts of one policy: all of a call are in its record, below `decisionInputsBytes`. */
  policyFacts: 32,
  /** Methods or paths on one line of the allowlist; each path is held against every call to the host. */
  allowlistParts: 64,
  /** Rows of a policy's table of expected decisions; each is decided in some ten microseconds. */
  policyTests: 10_000,
  /** Names in one list of a call that is only asked about. */
  supposedNames: 64,
  /** The URL of a call that is only asked about: no server takes a longer one. */
  supposedUrlChars: 8_192,
  /** Those who may approve, in one list: a message to more is read by none. */
  approvers: 32,
  /** The longest time that an approval is waited for, or kept: after a week nobody knows what was asked. */
  approvalTtlMostMs: 7 * 24 * 60 * 60 * 1000,
  /** The longest time that a caller is held while somebody is asked: clients give up after a few minutes. */
  approvalHoldMostMs: 5 * 60 * 1000,
  /** The longest sliding window: the time of each call in it is kept. */
  windowMs: 31 * 24 * 60 * 60 * 1000,
  /** The largest number of calls that a window counts to; each is 8 bytes, for every user or agent. */
  windowCalls: 100_000,

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
  /** A compiled policy is kept beside the registry below this: parsing a larger one costs as much as compiling it. */
  keptPolicyBytes: 1024 * 1024,
} as const;
