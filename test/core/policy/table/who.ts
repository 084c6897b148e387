/** kill_switch, identity, membership. */
import type { DecisionInputs } from '../../../../src/core/policy/types.ts';
import type { Case } from './case.ts';

const killed =
  (...scopes: string[]) =>
  (inputs: DecisionInputs): DecisionInputs => ({
    ...inputs,
    kill: scopes.map((scope, i) => ({ scope, id: `log_kill${i}` })),
  });
const identity =
  (rest: Partial<DecisionInputs['identity']>) =>
  (inputs: DecisionInputs): DecisionInputs => ({ ...inputs, identity: { ...inputs.identity, ...rest } });
const behind =
  (id: string, source: 'token' | 'owner' = 'token') =>
  (inputs: DecisionInputs): DecisionInputs => ({ ...inputs, principal: { id, source } });

function without<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Omit<T, K> {
  const out = { ...value };
  for (const name of names) delete out[name];
  return out;
}

/** Tokens that nothing was derived from, and that pass everything on. */
const direct = ({ identity: who, ...rest }: DecisionInputs): DecisionInputs => ({
  ...rest,
  identity: without(who, 'scopes', 'delegation', 'contract'),
});

const kill: readonly Case[] = [
  { what: 'nothing is switched off', layer: 'kill_switch', says: 'pass' },
  {
    what: 'what is switched off concerns other calls',
    layer: 'kill_switch',
    says: 'pass',
    inputs: killed('agent:somebody', 'tool:refund.look', 'agent:u_17', 'other'),
  },
  {
    what: 'nobody looked whether anything is switched off',
    layer: 'kill_switch',
    says: 'skip',
    inputs: (inputs) => without(inputs, 'kill'),
  },
  {
    what: 'writes are switched off, and the tool only looks',
    layer: 'kill_switch',
    says: 'pass',
    request: (request) => ({ ...request, action: { ...request.action, tool: { name: 'refund.look' } } }),
    inputs: (inputs) => ({
      ...killed('writes')(inputs),
      identity: { ...inputs.identity, contract: { tools: ['refund.*'] } },
    }),
    others: { scopes: 'skip' },
  },
  ...(
    [
      ['killed_global', 'global', 'everything is'],
      ['killed_tenant', 'tenant', 'this tenant is'],
      ['killed_agent', 'agent:billing', 'the agent "billing" is'],
      ['killed_agent', 'agent:planner', 'the agent "planner" is'],
      ['tool_disabled', 'tool:refund.create', 'the tool "refund.create" is'],
      ['writes_disabled', 'writes', 'calls that change something are'],
    ] as const
  ).map(
    ([reason, scope, words]): Case => ({
      what: `${scope} is switched off`,
      layer: 'kill_switch',
      says: 'fail',
      reason,
      message: `${words} switched off; to switch on again: tally kill off --scope ${scope}`,
      inputs: killed('tool:else', scope),
    }),
  ),
  {
    what: 'of several switches the widest one says it',
    layer: 'kill_switch',
    says: 'fail',
    reason: 'killed_tenant',
    message: 'this tenant is switched off; to switch on again: tally kill off --scope tenant',
    inputs: killed('writes', 'agent:billing', 'tenant'),
  },
];

const FAILURES = [
  ['identity_missing', 'the caller gave no identity and the policy wants one'],
  ['token_invalid', 'the token is not one of ours, or not this agent’s'],
  ['token_expired', 'the token was good once and its time is over'],
  ['token_revoked', 'the token was revoked, or its run has ended'],
  ['agent_workspace_mismatch', 'the token belongs to another tenant'],
  ['agent_project_mismatch', 'the token is bound to another project'],
  ['agent_environment_mismatch', 'the token is bound to another environment'],
] as const;

const who: readonly Case[] = [
  { what: 'a checked token of a delegated agent', layer: 'identity', says: 'pass' },
  {
    what: 'a claimed name, where the policy takes it',
    layer: 'identity',
    says: 'pass',
    policy: (policy) => ({
      ...policy,
      identity: { anonymous: 'stop', declared: 'allow' },
      agents: {},
      credentials: {},
    }),
    inputs: (inputs) => identity({ level: 'declared' })(direct(inputs)),
    others: { capability: 'skip', delegation: 'skip' },
  },
  ...FAILURES.map(
    ([failure, means]): Case => ({
      what: `what the caller presented is ${failure}`,
      layer: 'identity',
      says: 'fail',
      reason: failure,
      message: `the identity was refused: ${means}`,
      inputs: identity({ level: 'declared', failure }),
    }),
  ),
  {
    what: 'the token is for another project than the call',
    layer: 'identity',
    says: 'fail',
    reason: 'agent_project_mismatch',
    message: 'the token is for the project "app", and the call is in "web"',
    inputs: identity({ project_id: 'app' }),
  },
  {
    what: 'the token is for another environment',
    layer: 'identity',
    says: 'fail',
    reason: 'agent_environment_mismatch',
    message: 'the token is for the environment "staging", and the call is in "production"',
    inputs: identity({ environment: 'staging' }),
  },
  {
    what: 'the token is for another run',
    layer: 'identity',
    says: 'fail',
    reason: 'token_invalid',
    message: 'the token is for another run than "run_1"',
    inputs: identity({ run_id: 'run_2' }),
  },
  {
    what: 'an agent that has to prove its name only claims it',
    layer: 'identity',
    says: 'fail',
    reason: 'identity_not_issued',
    message: 'the agent "billing" has to prove its name; give it a token: tally agent token issue NAME',
    inputs: identity({ level: 'declared' }),
  },
  {
    what: 'a claimed name, where the policy wants a token',
    layer: 'identity',
    says: 'fail',
    reason: 'identity_not_issued',
    message:
      'the policy wants a checked token and "x" only gave a name; give it one: tally agent token issue NAME',
    inputs: identity({ level: 'declared', agent_id: 'x' }),
  },
  {
    what: 'nobody that is known, where the policy wants a name',
    layer: 'identity',
    says: 'fail',
    reason: 'identity_missing',
    message: 'the policy wants to know who is calling, and the caller gave no identity',
    inputs: ({ identity: _, ...rest }) => ({ ...rest, identity: { level: 'anonymous' } }),
  },
  {
    what: 'an agent behind which no user stands, where the policy names users',
    layer: 'identity',
    says: 'fail',
    reason: 'identity_missing',
    message:
      'the policy names users, and nobody is known to stand behind this call; give the agent a token of a user: tally agent token issue NAME --user USER',
    inputs: (inputs) => without(inputs, 'principal'),
  },
];

const membership: readonly Case[] = [
  { what: 'a user of the policy, in their project and environment', layer: 'membership', says: 'pass' },
  {
    what: 'a call that is silent belongs to what its token is bound to',
    layer: 'membership',
    says: 'pass',
    request: (request) => without(request, 'project_id', 'environment', 'run_id'),
  },
  {
    what: 'a service account',
    layer: 'membership',
    says: 'pass',
    inputs: (inputs) => behind('bot')(direct(inputs)),
    others: { delegation: 'skip' },
  },
  {
    what: 'the machine’s own user, where the policy names no users',
    layer: 'membership',
    says: 'pass',
    policy: ({ users: _, ...policy }) => policy,
    inputs: (inputs) => behind('root', 'owner')(direct(inputs)),
    others: { delegation: 'skip' },
  },
  {
    what: 'another tenant’s id',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the call is for the tenant "acme", which is another one',
    request: (request) => ({ ...request, tenant_id: 'acme' }),
  },
  {
    what: 'a user who is not in the policy',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "u_99" is not in the policy\'s users',
    inputs: behind('u_99'),
  },
  {
    what: 'a user whose name every object has',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "constructor" is not in the policy\'s users',
    inputs: behind('constructor'),
  },
  {
    what: 'the machine’s own user, where the policy names others',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "root" is not in the policy\'s users',
    inputs: behind('root', 'owner'),
  },
  {
    what: 'a user of other projects',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "u_17" does not belong to the project "app"',
    request: (request) => ({ ...request, project_id: 'app' }),
    inputs: identity({ project_id: 'app' }),
  },
  {
    what: 'a user of certain projects, and a call that names none',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "u_17" belongs to certain projects, and the call names none',
    request: (request) => without(request, 'project_id'),
    inputs: ({ identity: one, ...rest }) => ({ ...rest, identity: without(one, 'project_id') }),
  },
  {
    what: 'a user of other environments',
    layer: 'membership',
    says: 'fail',
    reason: 'not_a_member',
    message: 'the user "u_17" does not belong to the environment "staging"',
    request: (request) => ({ ...request, environment: 'staging' }),
    inputs: identity({ environment: 'staging' }),
  },
];

export const WHO: readonly Case[] = [...kill, ...who, ...membership];
