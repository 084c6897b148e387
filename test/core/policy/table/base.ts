/**
 * One call that every layer has something to say of and lets through: a refund over the limit, by an agent that another
 * one passed the task on to, for a user, with an approval. Each case of the table changes one thing of it.
 */
import type { CompiledPolicy, PolicyInForce } from '../../../../src/core/policy/compiled.ts';
import { policyInForce } from '../../../../src/core/policy/snapshot.ts';
import { countedOf } from '../../../../src/core/policy/subject.ts';
import type { DecisionInputs, DecisionRequest, GrantRead } from '../../../../src/core/policy/types.ts';
import { windowsOf } from '../../../../src/core/policy/windows.ts';
import { AT } from '../fixtures.ts';

export const KEY = 'ab'.repeat(16);
export const ARGS = 'cd'.repeat(32);
export const LATER = '2026-11-20T10:05:00.000Z';
export const BEFORE = '2026-11-20T09:55:00.000Z';

const MINUTE = 60_000;

export const POLICY: CompiledPolicy = {
  format: 1,
  id: 'local',
  version: '7',
  source_hash: '1'.repeat(64),
  mode: 'enforce',
  identity: { anonymous: 'stop', declared: 'stop' },
  allowlist: [
    {
      host: 'api.pay.example',
      methods: ['POST', 'PUT'],
      paths: ['/v1/**'],
      projects: ['web'],
      environments: ['production'],
    },
  ],
  credentials: {
    PAY_KEY: {
      hosts: ['api.pay.example'],
      agents: ['planner', 'billing'],
      styles: ['bearer'],
      methods: { POST: 'allow', PUT: 'approval_required' },
      requires: 'issued',
    },
  },
  agents: {
    billing: {
      requires: 'issued',
      credentials: { allow: ['PAY_*'], deny: ['PAY_ROOT'] },
      tools: ['refund.*'],
      hosts: ['*.pay.example'],
    },
    planner: { credentials: { allow: ['PAY_KEY', 'PAY_ROOT'] } },
  },
  roles: { member: { scopes: ['crm.read', 'payments.write'] }, auditor: { scopes: ['log.read'] } },
  users: {
    u_17: {
      email: 'ann@pay.example',
      roles: ['member'],
      scopes: ['reports.read'],
      projects: ['web'],
      environments: ['production'],
    },
    u_18: { roles: ['auditor'] },
    bot: { roles: [], service: true, scopes: ['payments.write'] },
  },
  tools: {
    'refund.create': {
      required_scopes: ['payments.write'],
      roles: ['member', 'service'],
      sensitivity: 'high',
      reason: 'required',
      tiers: {
        interactive: { permission: 'allow', rate: { count: 10, window_ms: MINUTE } },
        background: { permission: 'stop' },
        subagent: { permission: 'approval_required' },
      },
    },
    'refund.look': { writes: false },
  },
  defaults: {
    interactive: { permission: 'allow', rate: { count: 60, window_ms: MINUTE } },
    api: { permission: 'allow', rate: { count: 20, window_ms: MINUTE } },
  },
  facts: { amount: ['amount'] },
  rules: [
    {
      id: 'big-refund',
      when: 'action.name == "refund.create" && facts.amount > 10000.0',
      decision: 'approval_required',
      reason: 'refund_over_limit',
      approvers: ['role:admin'],
      ttl_ms: 15 * MINUTE,
    },
    { id: 'huge-refund', when: 'facts.amount > 1000000.0', decision: 'stop', reason: 'refund_too_large' },
  ],
  limits: {
    per_user: { count: 6, window_ms: 10_000 },
    per_agent: { count: 30, window_ms: MINUTE },
    per_tenant: { count: 100, window_ms: MINUTE },
    global: { count: 1_000, window_ms: MINUTE },
    burst: 12,
  },
  budgets: { max_steps: 25, max_seconds: 60, max_tool_calls: 12, max_usd: 1, max_repeat_action: 3 },
  approvals: {
    ttl_ms: 10 * MINUTE,
    hold_ms: 30_000,
    approver_may_be_requester: false,
    approvers: ['user:boss'],
  },
};

export const REQUEST: DecisionRequest = {
  tenant_id: 'local',
  project_id: 'web',
  environment: 'production',
  run_id: 'run_1',
  action: {
    name: 'refund.create',
    tier: 'interactive',
    key: KEY,
    args_hash: ARGS,
    target: { scheme: 'https', host: 'api.pay.example', port: 443, path: '/v1/refunds', method: 'POST' },
  },
  args: 'whole',
  reason_given: true,
  credentials: [{ ref: 'PAY_KEY', injection_style: 'bearer' }],
};

export const grantFor = (policy: PolicyInForce, rest: Partial<GrantRead> = {}): GrantRead => ({
  id: 'log_grant',
  status: 'granted',
  action_key: KEY,
  args_hash: ARGS,
  policy_hash: policy.hash,
  approver: 'boss',
  approved_at: BEFORE,
  expires_at: LATER,
  ...rest,
});

/** One call in each window that the policy asks for. */
export function windowsFor(
  { compiled }: PolicyInForce,
  request: DecisionRequest,
  inputs: Pick<DecisionInputs, 'identity' | 'principal'>,
): NonNullable<DecisionInputs['windows']> {
  return Object.fromEntries(
    windowsOf(compiled, countedOf(request, inputs)).map(({ key }) => [key, { count: 1 }]),
  );
}

export const INPUTS: DecisionInputs = {
  decided_at: AT,
  identity: {
    level: 'issued',
    agent_id: 'billing',
    token_id: 'agt_2',
    run_id: 'run_1',
    user_id: 'u_17',
    scopes: ['payments.write'],
    delegation: [{ agent_id: 'planner', token_id: 'agt_1', scopes: ['payments.write', 'crm.read'] }],
    contract: { tools: ['refund.create'], hosts: ['api.pay.example'], credentials: { allow: ['PAY_KEY'] } },
    project_id: 'web',
    environment: 'production',
  },
  principal: { id: 'u_17', source: 'token' },
  addresses: ['93.184.215.14'],
  facts: { amount: 25_000 },
  kill: [],
  budget: { steps: 1, elapsed_ms: 1_000, tool_calls: 1, usd: 0.25, repeats: 0 },
};

/** What a case changes. The windows and the grant are those of the changed policy, unless the case gives others. */
export interface Change {
  readonly policy?: (policy: CompiledPolicy) => CompiledPolicy;
  readonly request?: (request: DecisionRequest) => DecisionRequest;
  readonly inputs?: (inputs: DecisionInputs, policy: PolicyInForce) => DecisionInputs;
}

export interface Asked {
  readonly policy: PolicyInForce;
  readonly request: DecisionRequest;
  readonly inputs: DecisionInputs;
}

export function askedOf(change: Change): Asked {
  const policy = policyInForce(change.policy === undefined ? POLICY : change.policy(POLICY));
  const request = change.request === undefined ? REQUEST : change.request(REQUEST);
  const own: DecisionInputs = { ...INPUTS, grant: grantFor(policy) };
  const changed = change.inputs === undefined ? own : change.inputs(own, policy);
  const windows = 'windows' in changed ? changed.windows : windowsFor(policy, request, changed);
  const { windows: _, ...rest } = changed;
  return { policy, request, inputs: windows === undefined ? rest : { ...rest, windows } };
}
