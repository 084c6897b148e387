/** limits, budgets, approval. */
import type { Budgets, CompiledPolicy, Limits } from '../../../../src/core/policy/compiled.ts';
import type {
  BudgetRead,
  DecisionInputs,
  DecisionRequest,
  GrantRead,
  WindowRead,
} from '../../../../src/core/policy/types.ts';
import { BEFORE, LATER, REQUEST, windowsFor } from './base.ts';
import type { Case } from './case.ts';

type In = NonNullable<Case['inputs']>;

const full =
  (reads: { readonly [key: string]: WindowRead }): In =>
  (inputs, policy) => ({ ...inputs, windows: { ...windowsFor(policy, REQUEST, inputs), ...reads } });
const limits =
  (rest: Limits | undefined) =>
  ({ limits: _, ...policy }: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    ...(rest === undefined ? {} : { limits: rest }),
  });

const limited = (
  reason: string,
  whose: string,
  key: string,
  [count, words]: readonly [count: number, words: string],
  free_in_ms: number,
): Case => ({
  what: `${key} is full`,
  layer: 'limits',
  says: 'fail',
  reason,
  message: `too many calls of ${whose}: ${words} are the most; one more fits in ${free_in_ms / 1000} s`,
  retry_after_ms: free_in_ms,
  inputs: full({ [key]: { count, free_in_ms } }),
});

const windows: readonly Case[] = [
  { what: 'every window has room', layer: 'limits', says: 'pass' },
  {
    what: 'nothing bounds it',
    layer: 'limits',
    says: 'skip',
    policy: ({ defaults: _, tools: __, ...policy }) => limits(undefined)(policy),
    others: { scopes: 'skip', permission: 'skip' },
  },
  {
    what: 'other tiers are bounded, and this one is not',
    layer: 'limits',
    says: 'skip',
    policy: ({ defaults: _, tools: __, ...policy }) => ({
      ...limits(undefined)(policy),
      defaults: { api: { rate: { count: 1, window_ms: 1_000 } } },
    }),
    others: { scopes: 'skip', permission: 'skip' },
  },
  {
    what: 'one place is left in every window',
    layer: 'limits',
    says: 'pass',
    inputs: full({ 'user:u_17:interactive/10000': { count: 5 }, 'global/60000': { count: 999 } }),
  },
  limited(
    'rate_limited_user',
    'this user',
    'user:u_17:interactive:tool:refund.create/60000',
    [10, '10 in 60 s'],
    200,
  ),
  limited('rate_limited_user', 'this user', 'user:u_17:interactive/60000', [60, '60 in 60 s'], 1_500),
  limited('rate_limited_user', 'this user', 'user:u_17:interactive/10000', [6, '6 in 10 s'], 4_000),
  limited('rate_limited_agent', 'this agent', 'agent:planner/60000', [30, '30 in 60 s'], 30_000),
  limited('rate_limited_tenant', 'this tenant', 'tenant:local/60000', [100, '100 in 60 s'], 100),
  limited('rate_limited_global', 'everybody', 'global/60000', [1_000, '1000 in 60 s'], 2_000),
  limited('burst_limited', 'this user at once', 'user:u_17:interactive/1000', [12, '12 in 1 s'], 700),
  {
    what: 'of several full windows the first one says it, and the last one has to have room',
    layer: 'limits',
    says: 'fail',
    reason: 'rate_limited_user',
    message: 'too many calls of this user: 6 in 10 s are the most; one more fits in 60 s',
    retry_after_ms: 60_000,
    inputs: full({
      'user:u_17:interactive/10000': { count: 6, free_in_ms: 10 },
      'tenant:local/60000': { count: 100 },
    }),
  },
  {
    what: 'a time that is longer than the window, or no whole number, is brought to what it can be',
    layer: 'limits',
    says: 'fail',
    reason: 'rate_limited_user',
    message: 'too many calls of this user: 6 in 10 s are the most; one more fits in 10 s',
    retry_after_ms: 10_000,
    inputs: full({
      'user:u_17:interactive/10000': { count: 7, free_in_ms: 1e300 },
      'tenant:local/60000': { count: 100, free_in_ms: 0.5 },
    }),
  },
  {
    what: 'a window that was not read',
    layer: 'limits',
    says: 'fail',
    reason: 'inputs_missing',
    message: 'what was counted for user:u_17:interactive:tool:refund.create/60000 was not read for this call',
    inputs: (inputs) => ({ ...inputs, windows: {} }),
  },
];

const budget =
  (rest: Partial<BudgetRead>): In =>
  (inputs) => ({
    ...inputs,
    budget: { steps: 1, elapsed_ms: 1_000, tool_calls: 1, usd: 0.25, repeats: 0, ...rest },
  });
const spent = (reason: string, message: string, read: Partial<BudgetRead>): Case => ({
  what: `the run is at its ${reason}`,
  layer: 'budgets',
  says: 'fail',
  reason,
  message,
  inputs: budget(read),
});
const budgets =
  (rest: Budgets) =>
  (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, budgets: rest });

const run: readonly Case[] = [
  {
    what: 'one of everything is left',
    layer: 'budgets',
    says: 'pass',
    inputs: budget({ steps: 24, elapsed_ms: 59_999, tool_calls: 11, usd: 0.99, repeats: 2 }),
  },
  {
    what: 'a budget that says nothing',
    layer: 'budgets',
    says: 'pass',
    policy: budgets({}),
    inputs: budget({ steps: 1e9, elapsed_ms: 1e12, tool_calls: 1e9, usd: 1e9, repeats: 1e9 }),
  },
  { what: 'no budget', layer: 'budgets', says: 'skip', policy: ({ budgets: _, ...policy }) => policy },
  {
    what: 'a call of no run',
    layer: 'budgets',
    says: 'skip',
    request: ({ run_id: _, ...request }) => request,
    inputs: ({ budget: _, identity: { run_id: __, ...identity }, ...inputs }) => ({ ...inputs, identity }),
  },
  spent('max_steps', 'the run has used its 25 steps', { steps: 25 }),
  spent('max_seconds', 'the run has used its 60 seconds', { elapsed_ms: 60_000 }),
  spent('max_tool_calls', 'the run has used its 12 tool calls', { tool_calls: 12 }),
  spent('max_usd', 'the run has used its 1 US dollars', { usd: 1 }),
  spent('loop_detected', 'the run has done this very action 3 times, and 3 are the most', { repeats: 3 }),
  {
    what: 'a run of which nothing was read',
    layer: 'budgets',
    says: 'fail',
    reason: 'inputs_missing',
    message: 'what the run has used so far was not read for this call',
    inputs: ({ budget: _, ...inputs }) => inputs,
  },
];

const grant =
  (rest: Partial<GrantRead> | undefined): In =>
  ({ grant: known, ...inputs }: DecisionInputs) =>
    rest === undefined || known === undefined ? inputs : { ...inputs, grant: { ...known, ...rest } };
/** The same of one that no person has settled. */
const unanswered =
  (rest: Partial<GrantRead>): In =>
  ({ grant: known, ...inputs }: DecisionInputs) => {
    if (known === undefined) return inputs;
    const { approver: _, approved_at: __, ...asked } = known;
    return { ...inputs, grant: { ...asked, ...rest } };
  };
const rule = { rule: 'big-refund' } as const;
const WANTED = { approvers: ['role:admin'], ttl_ms: 900_000 };
const asks = (what: string, inputs: In, rest: Partial<Case> = {}): Case => ({
  what,
  layer: 'approval',
  says: 'fail',
  outcome: 'approval_required',
  reason: 'refund_over_limit',
  message: 'the rule "big-refund" wants an approval',
  wanted: WANTED,
  inputs,
  ...(rest.message === undefined ? rule : {}),
  ...rest,
});
const over = (what: string, reason: string, message: string, rest: Partial<GrantRead>): Case => ({
  what,
  layer: 'approval',
  says: 'fail',
  reason,
  message,
  ...rule,
  inputs: grant(rest),
});
const NOBODY = 'a person was asked, and nobody answered in time';
const put = (request: DecisionRequest): DecisionRequest => ({
  ...request,
  action: { ...request.action, target: { ...request.action.target, method: 'PUT' } },
});
const ruleless = ({ rules: _, ...policy }: CompiledPolicy): CompiledPolicy => policy;
const subagent = (request: DecisionRequest): DecisionRequest => ({
  ...request,
  action: { ...request.action, tier: 'subagent' },
});
const BY_POLICY = { approvers: ['user:boss'], ttl_ms: 600_000 };

const approval: readonly Case[] = [
  { what: 'a live grant for this action, these arguments and this policy', layer: 'approval', says: 'pass' },
  {
    what: 'nothing wants an approval',
    layer: 'approval',
    says: 'skip',
    policy: ruleless,
    others: { rules: 'pass' },
    unapproved: true,
  },
  asks('nobody was asked yet', grant(undefined)),
  asks('somebody was asked and has not answered', grant({ status: 'pending' })),
  asks('the grant was used', grant({ status: 'used' })),
  asks('a grant for other arguments', grant({ args_hash: 'ee'.repeat(32) })),
  asks('a grant for no arguments', ({ grant: known, ...inputs }) => {
    const { args_hash: _, ...rest } = known ?? {
      id: '',
      status: 'used',
      action_key: '',
      policy_hash: '',
      expires_at: LATER,
    };
    return { ...inputs, grant: rest };
  }),
  asks('a grant for another action', grant({ action_key: 'ee'.repeat(16) })),
  asks('a grant under another policy', grant({ policy_hash: 'ee'.repeat(32) })),
  asks('a denial of another action', grant({ status: 'denied', action_key: 'ee'.repeat(16) })),
  asks('a denial whose time is over', grant({ status: 'denied', expires_at: BEFORE })),
  asks('an action without a key has no grant', grant({}), {
    request: (request) => {
      const { key: _, ...action } = request.action;
      return { ...request, action };
    },
  }),
  asks('the tool wants it, and the policy says whom to ask', grant(undefined), {
    policy: ruleless,
    request: subagent,
    reason: 'policy_approval_required',
    message: 'the policy wants an approval for "refund.create" (subagent)',
    others: { permission: { wants: 'policy_approval_required' }, rules: 'pass' },
    wanted: BY_POLICY,
  }),
  asks('the credential wants it, and nobody says whom to ask', grant(undefined), {
    policy: ({ approvals: _, ...policy }) => ruleless(policy as CompiledPolicy),
    request: put,
    reason: 'policy_approval_required',
    message: '"PAY_KEY" may be used with "PUT" only after an approval',
    others: { credential: { wants: 'policy_approval_required' }, rules: 'pass' },
    wanted: { approvers: ['role:owner', 'role:admin'], ttl_ms: 600_000 },
  }),
  asks('of several that want it the rule says whom to ask', grant(undefined), {
    request: (request) => put(subagent(request)),
    others: {
      credential: { wants: 'policy_approval_required' },
      permission: { wants: 'policy_approval_required' },
    },
  }),
  over('a person said no', 'policy_approval_denied', 'a person was asked, and said no', { status: 'denied' }),
  {
    ...over('nobody answered', 'approval_expired', NOBODY, {}),
    inputs: unanswered({ status: 'expired', expires_at: BEFORE }),
  },
  over(
    'a person approved it, and that ran out',
    'approval_expired',
    'it was approved, and the approval was not used in time',
    { status: 'expired', expires_at: BEFORE },
  ),
  over('the answer is late by the clock', 'approval_expired', NOBODY, {
    status: 'pending',
    expires_at: '2026-11-20T10:00:00.000Z',
  }),
  over(
    'the grant was not used in time',
    'approval_expired',
    'it was approved, and the approval was not used in time',
    {
      expires_at: '2026-11-20T10:00:00.000Z',
    },
  ),
  {
    what: 'arguments that were streamed past cannot be approved',
    layer: 'approval',
    says: 'fail',
    reason: 'args_unavailable',
    message:
      'an approval is for certain arguments, and these were streamed past; a body is read before when it is JSON or a form, and short',
    policy: ruleless,
    request: (request) => ({ ...subagent(request), args: 'streamed' }),
    others: { permission: { wants: 'policy_approval_required' }, rules: 'pass' },
  },
];

export const USED: readonly Case[] = [...windows, ...run, ...approval];
