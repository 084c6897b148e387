/** allowlist, credential. */
import type { InjectionStyle } from '../../../../src/core/entry.ts';
import type { AllowedHost, CompiledPolicy, CredentialRule } from '../../../../src/core/policy/compiled.ts';
import type { DecisionInputs, DecisionRequest } from '../../../../src/core/policy/types.ts';
import type { Case } from './case.ts';

const lines =
  (...allowlist: AllowedHost[]) =>
  (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, allowlist });
const target =
  (rest: Partial<NonNullable<DecisionRequest['action']['target']>>) =>
  (request: DecisionRequest): DecisionRequest => ({
    ...request,
    action: { ...request.action, target: { ...request.action.target, ...rest } },
  });
const nowhere =
  (name: string) =>
  (request: DecisionRequest): DecisionRequest => {
    const { target: _, ...action } = request.action;
    return { ...request, action: { ...action, name }, credentials: [] };
  };
const resolved =
  (...addresses: string[]) =>
  (inputs: DecisionInputs): DecisionInputs => ({ ...inputs, addresses });
const uncontracted = (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, agents: {} });
const elsewhere = (inputs: DecisionInputs): DecisionInputs => {
  const { contract: _, ...identity } = inputs.identity;
  return { ...inputs, identity };
};

const refused = (what: string, reason: string, message: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'allowlist',
  says: 'fail',
  reason,
  message,
  ...rest,
});
const API = 'api.pay.example';

const allowlist: readonly Case[] = [
  {
    what: 'a line names host, port, method, path, project and environment',
    layer: 'allowlist',
    says: 'pass',
  },
  {
    what: 'a wildcard names every host below it',
    layer: 'allowlist',
    says: 'pass',
    policy: lines({ host: '*.example' }, { host: '*.other.example' }),
    line: '*.example',
  },
  {
    what: 'of two lines the one that permits the call',
    layer: 'allowlist',
    says: 'pass',
    policy: lines(
      { host: API, methods: ['GET'] },
      { host: API, port: 8443 },
      { host: '*.pay.example', methods: ['POST'] },
    ),
    line: '*.pay.example',
  },
  {
    what: 'a tool that goes to no host',
    layer: 'allowlist',
    says: 'skip',
    request: nowhere('refund.create'),
    others: { credential: 'skip' },
    line: '',
  },
  {
    what: 'a secret for a child process goes to no host',
    layer: 'allowlist',
    says: 'skip',
    policy: (policy) => ({
      ...uncontracted(policy),
      credentials: { PAY_KEY: { styles: ['env_inject'] } },
    }),
    request: (request) => ({
      ...nowhere('secret.run')(request),
      credentials: [{ ref: 'PAY_KEY', injection_style: 'env_inject' }],
    }),
    others: { scopes: 'skip', rules: 'pass', approval: 'skip' },
    unapproved: true,
  },
  refused(
    'an empty list',
    'empty_allowlist',
    `the allowlist is empty, so every call is stopped; to let agents call ${API}: tally policy allow ${API}`,
    { policy: lines() },
  ),
  refused('a call over HTTP that names no host', 'domain_not_in_allowlist', 'the request names no host', {
    request: nowhere('http.call'),
    others: { scopes: 'skip' },
  }),
  refused(
    'a host that no line names',
    'domain_not_in_allowlist',
    `${API} is not in the allowlist; to let agents call it: tally policy allow ${API}`,
    { policy: lines({ host: 'pay.example' }, { host: '*.api.pay.example' }, { host: '*.ay.example' }) },
  ),
  refused(
    'a port that no line names',
    'domain_not_in_allowlist',
    `${API} is in the allowlist, but not with port 443; to let agents call it: tally policy allow ${API}`,
    { policy: lines({ host: API, port: 8443 }) },
  ),
  refused(
    'a host of other projects',
    'domain_not_in_allowlist',
    `${API} is in the allowlist for certain projects or environments, and not for "web", "production"`,
    { policy: lines({ host: API, projects: ['app'] }) },
  ),
  refused(
    'a host of other environments',
    'domain_not_in_allowlist',
    `${API} is in the allowlist for certain projects or environments, and not for "web", "production"`,
    { policy: lines({ host: API, environments: ['staging'] }) },
  ),
  refused(
    'plain http',
    'non_https_blocked',
    `${API} may be called with https only; to let agents use http: tally policy allow ${API} --http`,
    { request: target({ scheme: 'http', port: 80 }) },
  ),
  refused(
    'a method that the line does not name',
    'method_not_allowed',
    `${API} may not be called with "DELETE"`,
    {
      request: target({ method: 'DELETE' }),
    },
  ),
  refused(
    'a path that the line does not name',
    'path_not_allowed',
    `${API} may not be called at "/v2/refunds"`,
    {
      request: target({ path: '/v2/refunds' }),
    },
  ),
  refused(
    'a path that a server may read as another one',
    'path_not_allowed',
    `${API} may not be called at "/v1/..%2fadmin"`,
    { request: target({ path: '/v1/..%2fadmin' }) },
  ),
  refused(
    'a name that resolves inside',
    'ssrf_protection_blocked',
    `${API} resolves to "10.0.0.1", which is a private address; if that is meant: tally policy allow ${API} --internal`,
    { inputs: resolved('93.184.215.14', '10.0.0.1'), line: API },
  ),
  refused(
    'a cloud’s metadata service, whatever the policy says',
    'ssrf_protection_blocked',
    "169.254.169.254 is a cloud's metadata service, and nothing in the policy can allow it",
    {
      policy: (policy) => lines({ host: '169.254.169.254', internal: true })(uncontracted(policy)),
      request: target({ host: '169.254.169.254' }),
      inputs: elsewhere,
      others: { capability: 'skip' },
    },
  ),
];

const rule =
  (rest: Partial<CredentialRule>) =>
  (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    credentials: { PAY_KEY: { ...policy.credentials.PAY_KEY, ...rest } },
  });
const use =
  (ref: string, injection_style: InjectionStyle = 'bearer') =>
  (request: DecisionRequest): DecisionRequest => ({ ...request, credentials: [{ ref, injection_style }] });
const withheld = (what: string, reason: string, message: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'credential',
  says: 'fail',
  reason,
  message,
  ...rest,
});

const credential: readonly Case[] = [
  { what: 'its host, agents, style and method', layer: 'credential', says: 'pass' },
  {
    what: 'a wildcard among its hosts',
    layer: 'credential',
    says: 'pass',
    policy: rule({ hosts: ['*.pay.example:443'] }),
  },
  {
    what: 'no credential',
    layer: 'credential',
    says: 'skip',
    request: (request) => ({ ...request, credentials: [] }),
  },
  {
    what: 'a method that needs an approval, which another layer wants too',
    layer: 'credential',
    says: 'pass',
    request: target({ method: 'PUT' }),
    others: { credential: { wants: 'policy_approval_required' } },
  },
  ...(
    [
      ['the first', ['PAY_KEY', 'PAY_FREE']],
      ['the second', ['PAY_FREE', 'PAY_KEY']],
    ] as const
  ).map(
    ([which, refs]): Case => ({
      what: `of two credentials ${which} needs an approval`,
      layer: 'credential',
      says: 'pass',
      policy: uncontracted,
      request: (request) => ({
        ...target({ method: 'PUT' })(request),
        credentials: refs.map((ref) => ({ ref, injection_style: 'bearer' })),
      }),
      inputs: elsewhere,
      others: { capability: 'skip', credential: { wants: 'policy_approval_required' } },
    }),
  ),
  withheld('another host', 'credential_not_allowed', `"PAY_KEY" may not be sent to ${API}:443`, {
    policy: rule({ hosts: ['pay.example', `${API}:8443`, `*.${API}`] }),
  }),
  withheld('another agent', 'credential_not_allowed', '"PAY_KEY" is not for the agent "billing"', {
    policy: rule({ agents: ['planner'] }),
  }),
  withheld(
    'a delegator that it is not for',
    'credential_not_allowed',
    '"PAY_KEY" is not for the agent "planner"',
    {
      policy: rule({ agents: ['billing'] }),
    },
  ),
  withheld('another style', 'credential_not_allowed', '"PAY_KEY" may not be injected as "query"', {
    request: use('PAY_KEY', 'query'),
  }),
  withheld('another method', 'method_not_allowed', '"PAY_KEY" may not be used with "POST"', {
    policy: rule({ methods: { PUT: 'allow' } }),
  }),
  withheld('a method that is a stop', 'method_not_allowed', '"PAY_KEY" may not be used with "POST"', {
    policy: rule({ methods: { POST: 'stop' } }),
  }),
  withheld(
    'a caller without a checked token',
    'identity_not_issued',
    '"PAY_KEY" is only for callers with a checked token',
    {
      policy: (policy) => ({
        ...uncontracted(policy),
        identity: { anonymous: 'stop', declared: 'allow' },
      }),
      inputs: (inputs) => ({ ...inputs, identity: { ...inputs.identity, level: 'declared' } }),
    },
  ),
];

export const WHERE: readonly Case[] = [...allowlist, ...credential];
