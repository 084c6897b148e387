/**
 * Every reason a decision can give, with the layer that gives it. Codes are part of the public interface: add, never
 * rename. A rule of a policy may give a code of its author's own besides.
 */

/** The layers in their order, between what stands before them (the file itself) and beside them (the evaluator). */
// biome-ignore format: one line a stage
export const LAYER_NAMES = [
  'policy', 'engine',
  'kill_switch', 'identity', 'membership', 'capability', 'delegation', 'scopes', 'allowlist', 'credential',
  'permission', 'rules', 'limits', 'budgets', 'approval',
  'recorder',
] as const;
export type LayerName = (typeof LAYER_NAMES)[number];

interface Reason {
  readonly layer: LayerName;
  /** Other layers that give it too. */
  readonly also?: readonly LayerName[];
  /** One line for a person. */
  readonly means: string;
}

// biome-ignore format: one line a code
export const REASONS = {
  killed_global: { layer: 'kill_switch', means: 'everything was switched off' },
  killed_tenant: { layer: 'kill_switch', means: 'this tenant was switched off' },
  killed_agent: { layer: 'kill_switch', means: 'this agent was switched off' },
  tool_disabled: { layer: 'kill_switch', means: 'this tool was switched off' },
  writes_disabled: { layer: 'kill_switch', means: 'calls that change something were switched off' },

  identity_missing: { layer: 'identity', means: 'the caller gave no identity and the policy wants one' },
  token_invalid: { layer: 'identity', means: 'the token is not one of ours, or not this agent’s' },
  token_expired: { layer: 'identity', means: 'the token was good once and its time is over' },
  token_revoked: { layer: 'identity', means: 'the token was revoked, or its run has ended' },
  agent_workspace_mismatch: { layer: 'identity', means: 'the token belongs to another tenant' },
  agent_project_mismatch: { layer: 'identity', means: 'the token is bound to another project' },
  agent_environment_mismatch: { layer: 'identity', means: 'the token is bound to another environment' },
  identity_not_issued: { layer: 'identity', also: ['credential'], means: 'a checked token is required and the caller only claimed a name, or nothing' },
  not_a_member: { layer: 'membership', means: 'the user or service does not belong to this tenant' },

  capability_denied: { layer: 'capability', means: 'the agent’s or the run’s contract does not cover this' },
  delegation_exceeded: { layer: 'delegation', means: 'a delegator passed on more than it had' },
  scope_missing: { layer: 'scopes', means: 'a scope that the tool requires is missing' },
  role_denied: { layer: 'scopes', means: 'the role may not do this' },

  empty_allowlist: { layer: 'allowlist', means: 'the allowlist is empty, which stops every call' },
  domain_not_in_allowlist: { layer: 'allowlist', means: 'no line of the allowlist names this host and port' },
  non_https_blocked: { layer: 'allowlist', means: 'the call is not https and the host is not marked http' },
  ssrf_protection_blocked: { layer: 'allowlist', means: 'the address is internal (or of cloud metadata, which nothing unblocks)' },
  method_not_allowed: { layer: 'allowlist', also: ['credential'], means: 'the line of the host, or the credential, does not allow this method' },
  path_not_allowed: { layer: 'allowlist', means: 'the line of the host does not allow this path' },

  credential_not_allowed: { layer: 'credential', means: 'the credential is not allowed for this host, agent or style' },
  credential_missing: { layer: 'credential', means: 'the vault has no credential of this name' },
  policy_denied: { layer: 'permission', also: ['rules'], means: 'the policy says stop for this tool, user or tier, or a rule does' },
  policy_approval_required: { layer: 'approval', also: ['credential', 'permission', 'rules'], means: 'a person has to approve this first' },
  policy_approval_denied: { layer: 'approval', means: 'a person was asked and said no' },
  approval_expired: { layer: 'approval', means: 'nobody answered in time, or the approval was used too late' },

  rate_limited_user: { layer: 'limits', means: 'too many calls of this user' },
  rate_limited_agent: { layer: 'limits', means: 'too many calls of this agent' },
  rate_limited_tenant: { layer: 'limits', means: 'too many calls of this tenant' },
  rate_limited_global: { layer: 'limits', means: 'too many calls in all' },
  burst_limited: { layer: 'limits', means: 'too many calls at once' },

  max_steps: { layer: 'budgets', means: 'the run has used its steps' },
  max_seconds: { layer: 'budgets', means: 'the run has used its time' },
  max_tool_calls: { layer: 'budgets', means: 'the run has used its tool calls' },
  max_usd: { layer: 'budgets', means: 'the run has used its money' },
  loop_detected: { layer: 'budgets', means: 'the run repeats the same action' },

  audit_unavailable: { layer: 'recorder', means: 'the decision could not be made durable, so the action may not start' },
  policy_unreadable: { layer: 'policy', means: 'the policy file cannot be read or does not parse' },
  rule_error: { layer: 'rules', means: 'a rule failed to evaluate' },
  args_unavailable: { layer: 'rules', also: ['approval'], means: 'a rule or an approval needs the arguments and they were streamed past' },
  reason_required: { layer: 'rules', means: 'the caller has to state a purpose' },

  inputs_missing: { layer: 'limits', also: ['budgets'], means: 'a count that the policy bounds was not read for this call' },
  inputs_too_large: { layer: 'engine', means: 'what was read for the decision is too large to be recorded, so it could not be replayed' },
  internal_error: { layer: 'engine', means: 'the request was malformed or the evaluator failed' },
} as const satisfies { readonly [code: string]: Reason };

export type ReasonCode = keyof typeof REASONS;

/** Every layer that gives it, the one that it is named for first. */
export function layersOf(code: ReasonCode): readonly LayerName[] {
  const { layer, also = [] }: Reason = REASONS[code];
  return [layer, ...also];
}

export function isReasonCode(text: string): text is ReasonCode {
  return Object.hasOwn(REASONS, text);
}
