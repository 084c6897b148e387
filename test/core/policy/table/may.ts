/** capability, delegation, scopes. */
import type { CompiledPolicy, Contract, ToolRule } from '../../../../src/core/policy/compiled.ts';
import type { DecisionInputs, Delegator, Identity } from '../../../../src/core/policy/types.ts';
import type { Case } from './case.ts';

const identity =
  (rest: Partial<Identity>) =>
  (inputs: DecisionInputs): DecisionInputs => ({ ...inputs, identity: { ...inputs.identity, ...rest } });
const agent =
  (name: string, contract: Contract) =>
  (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, agents: { ...policy.agents, [name]: contract } });
const tool =
  (rest: Partial<ToolRule>) =>
  (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    tools: { ...policy.tools, 'refund.create': { ...policy.tools?.['refund.create'], ...rest } },
  });

const denied = (what: string, message: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'capability',
  says: 'fail',
  reason: 'capability_denied',
  message,
  ...rest,
});

const capability: readonly Case[] = [
  { what: 'the agent, its delegator, and the token all cover the call', layer: 'capability', says: 'pass' },
  {
    what: 'no contract says anything',
    layer: 'capability',
    says: 'skip',
    policy: (policy) => ({ ...policy, agents: { billing: { requires: 'issued' } } }),
    inputs: ({ identity: { contract: _, ...who }, ...rest }) => ({ ...rest, identity: who }),
  },
  {
    what: 'a call that is no tool’s is kept by its host, not by the tools',
    layer: 'capability',
    says: 'pass',
    request: (request) => ({ ...request, action: { ...request.action, name: 'http.call' } }),
    others: { scopes: 'skip', approval: 'skip', rules: 'pass' },
    unapproved: true,
  },
  denied(
    'a denied credential, also where it is allowed',
    'the contract of the agent "billing" denies the credential "PAY_ROOT"',
    {
      request: (request) => ({ ...request, credentials: [{ ref: 'PAY_ROOT', injection_style: 'bearer' }] }),
    },
  ),
  denied(
    'a credential that the contract does not name',
    'the contract of the agent "billing" does not name the credential "CRM_KEY"',
    {
      request: (request) => ({ ...request, credentials: [{ ref: 'CRM_KEY', injection_style: 'bearer' }] }),
    },
  ),
  denied(
    'a tool that the contract does not name',
    'the contract of the agent "billing" does not name the tool "refund.create"',
    { policy: agent('billing', { tools: ['crm.*', 'refund.look'] }) },
  ),
  denied(
    'a host that the contract does not name',
    'the contract of the agent "billing" does not name the host api.pay.example:443',
    { policy: agent('billing', { hosts: ['pay.example', 'api.pay.example:8443', '*.api.pay.example'] }) },
  ),
  denied(
    'a delegator’s contract, which a name given by it does not widen',
    'the contract of the agent "planner" does not name the credential "PAY_KEY"',
    { policy: agent('planner', { credentials: { allow: [] } }) },
  ),
  denied(
    'the contract of the token or the run',
    'the contract of the token or the run does not name the tool "refund.create"',
    { inputs: identity({ contract: { tools: [] } }) },
  ),
];

const hand = (agent_id: string, ...scopes: string[]): Delegator => ({ agent_id, scopes });
const chain =
  (delegation: readonly Delegator[], scopes?: readonly string[]) =>
  ({ identity: { scopes: _, ...who }, ...rest }: DecisionInputs): DecisionInputs => ({
    ...rest,
    identity: { ...who, delegation, ...(scopes === undefined ? {} : { scopes }) },
  });
/** Agents whom the policy keeps to nothing. */
const anybody = (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, agents: {}, credentials: {} });
const exceeds = (what: string, scope: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'delegation',
  says: 'fail',
  reason: 'delegation_exceeded',
  message: `the scope "${scope}" was passed on by a hand that lacks it`,
  policy: anybody,
  ...rest,
});
const free = { credential: 'pass' } as const;

const delegation: readonly Case[] = [
  {
    what: 'a direct call',
    layer: 'delegation',
    says: 'skip',
    inputs: identity({ delegation: [] }),
  },
  {
    what: 'three hops, each narrower',
    layer: 'delegation',
    says: 'pass',
    policy: anybody,
    inputs: chain(
      [
        hand('a', 'crm.read', 'payments.write', 'reports.read'),
        hand('b', 'payments.write', 'crm.read'),
        hand('c', 'payments.write'),
      ],
      ['payments.write'],
    ),
    others: free,
  },
  {
    what: 'hops that say nothing pass on what they have',
    layer: 'delegation',
    says: 'pass',
    policy: anybody,
    inputs: chain([{ agent_id: 'a' }, hand('b', 'payments.write'), { agent_id: 'c' }]),
    others: free,
  },
  {
    what: 'the same agent twice',
    layer: 'delegation',
    says: 'pass',
    policy: anybody,
    inputs: chain([hand('a', 'payments.write'), hand('b', 'payments.write'), hand('a', 'payments.write')]),
    others: free,
  },
  exceeds('a first hop with more than the user has', 'log.read', {
    inputs: chain([hand('a', 'payments.write', 'log.read')]),
  }),
  exceeds('a second hop with more than the first', 'crm.read', {
    inputs: chain([hand('a', 'payments.write'), hand('b', 'payments.write', 'crm.read')]),
  }),
  exceeds('a third hop that takes back what the second left out', 'crm.read', {
    inputs: chain([
      hand('a', 'payments.write', 'crm.read'),
      hand('b', 'payments.write'),
      hand('c', 'payments.write', 'crm.read'),
    ]),
  }),
  exceeds('a token with more than its delegator', 'crm.read', {
    inputs: chain([hand('a', 'payments.write')], ['payments.write', 'crm.read']),
  }),
  {
    what: 'a chain of more hands than there may be',
    layer: 'delegation',
    says: 'fail',
    reason: 'delegation_exceeded',
    message: 'the task went through 33 hands, and 32 are the most',
    policy: anybody,
    inputs: chain(Array.from({ length: 33 }, (_, i) => ({ agent_id: `a${i}` }))),
  },
];

const scopes: readonly Case[] = [
  { what: 'the scope and the role that the tool wants', layer: 'scopes', says: 'pass' },
  {
    what: 'a tool that wants nothing',
    layer: 'scopes',
    says: 'skip',
    policy: ({ tools: _, ...policy }) => policy,
    others: { rules: { wants: 'refund_over_limit' } },
  },
  {
    what: 'a tool that wants a scope and no role',
    layer: 'scopes',
    says: 'pass',
    policy: ({ tools: _, ...policy }) => ({
      ...policy,
      tools: { 'refund.create': { required_scopes: ['payments.write'] } },
    }),
  },
  {
    what: 'a tool that wants a role and no scope',
    layer: 'scopes',
    says: 'pass',
    policy: ({ tools: _, ...policy }) => ({ ...policy, tools: { 'refund.create': { roles: ['member'] } } }),
  },
  {
    what: 'a scope that the user has without a role',
    layer: 'scopes',
    says: 'pass',
    policy: tool({ required_scopes: ['reports.read'] }),
    inputs: chain([{ agent_id: 'planner' }]),
  },
  {
    what: 'the machine’s owner has every scope and role',
    layer: 'scopes',
    says: 'pass',
    policy: ({ users: _, ...policy }) => tool({ roles: ['admin'], required_scopes: ['any'] })(policy),
    inputs: (inputs) => ({
      ...chain([{ agent_id: 'planner' }])(inputs),
      principal: { id: 'root', source: 'owner' },
    }),
  },
  {
    what: 'a scope that the user lacks',
    layer: 'scopes',
    says: 'fail',
    reason: 'scope_missing',
    message: '"refund.create" requires the scope "payments.refund", which this call does not have',
    policy: tool({ required_scopes: ['payments.write', 'payments.refund'] }),
  },
  {
    what: 'a scope that the token left out',
    layer: 'scopes',
    says: 'fail',
    reason: 'scope_missing',
    message: '"refund.create" requires the scope "crm.read", which this call does not have',
    policy: tool({ required_scopes: ['crm.read'] }),
  },
  {
    what: 'a scope that a delegator left out',
    layer: 'scopes',
    says: 'fail',
    reason: 'scope_missing',
    message: '"refund.create" requires the scope "payments.write", which this call does not have',
    inputs: chain([hand('planner', 'crm.read')]),
  },
  {
    what: 'a direct call of a user who lacks the scope, with a token that leaves nothing out',
    layer: 'scopes',
    says: 'fail',
    reason: 'scope_missing',
    message: '"refund.create" requires the scope "payments.write", which this call does not have',
    inputs: ({ identity: { scopes: _, delegation: __, ...who }, ...inputs }) => ({
      ...inputs,
      identity: who,
      principal: { id: 'u_18', source: 'token' },
    }),
    others: { delegation: 'skip' },
  },
  {
    what: 'a role that the tool does not name',
    layer: 'scopes',
    says: 'fail',
    reason: 'role_denied',
    message: '"refund.create" is for the roles admin, and this call has member',
    policy: tool({ roles: ['admin'] }),
  },
  {
    what: 'a role does not make up for a scope',
    layer: 'scopes',
    says: 'fail',
    reason: 'scope_missing',
    message: '"refund.create" requires the scope "payments.write", which this call does not have',
    policy: (policy) => ({
      ...policy,
      users: { ...policy.users, u_17: { ...policy.users?.u_17, roles: ['owner', 'admin'] } },
    }),
    inputs: identity({ delegation: [] }),
    others: { delegation: 'skip' },
  },
  {
    what: 'nobody behind the call has a role',
    layer: 'scopes',
    says: 'fail',
    reason: 'role_denied',
    message: '"refund.create" is for the roles member, service, and this call has none',
    policy: ({ users: _, ...policy }) => policy,
    inputs: ({ principal: _, ...inputs }) => inputs,
  },
];

export const MAY: readonly Case[] = [...capability, ...delegation, ...scopes];
