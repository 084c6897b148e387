/** allowlist, of a CONNECT. */
import type { CompiledPolicy } from '../../../../src/core/policy/compiled.ts';
import type { DecisionInputs, DecisionRequest } from '../../../../src/core/policy/types.ts';
import type { Case } from './case.ts';

const API = 'api.pay.example';

const connect =
  (host: string | null = API, port = 443) =>
  ({ action: { tier, key, args_hash }, ...request }: DecisionRequest): DecisionRequest => ({
    ...request,
    action: {
      name: 'http.connect',
      ...(tier === undefined ? {} : { tier }),
      ...(key === undefined ? {} : { key }),
      ...(args_hash === undefined ? {} : { args_hash }),
      ...(host === null ? {} : { target: { host, port, method: 'CONNECT' } }),
    },
    credentials: [],
  });

const tunnels =
  (rest: Pick<CompiledPolicy, 'tunnel' | 'unlisted'>, allowlist: CompiledPolicy['allowlist'] = []) =>
  (policy: CompiledPolicy): CompiledPolicy => ({ ...policy, ...rest, allowlist, agents: {} });

const uncontracted = (inputs: DecisionInputs): DecisionInputs => {
  const { contract: _, ...identity } = inputs.identity;
  return { ...inputs, identity };
};
const resolved =
  (...addresses: string[]) =>
  (inputs: DecisionInputs): DecisionInputs => ({ ...inputs, addresses });

const OTHERS = { scopes: 'skip', credential: 'skip', rules: 'pass', approval: 'skip' } as const;

const passes = (what: string, line: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'allowlist',
  says: 'pass',
  request: connect(),
  others: OTHERS,
  unapproved: true,
  line,
  ...rest,
});

const refused = (what: string, reason: string, message: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'allowlist',
  says: 'fail',
  reason,
  message,
  request: connect(),
  others: { scopes: 'skip' },
  ...rest,
});

export const TUNNEL: readonly Case[] = [
  passes('a CONNECT to a host that the allowlist names: its calls are decided inside', 'intercept', {}),
  passes('a line narrows the calls inside, and not the CONNECT', 'intercept', {
    policy: tunnels({}, [{ host: API, methods: ['GET'], projects: ['app'] }]),
  }),
  passes('a host that is tunnelled', `tunnel ${API}`, { policy: tunnels({ tunnel: [{ host: API }] }) }),
  passes('a host below a tunnelled one, with its port', 'tunnel *.pay.example:22', {
    policy: tunnels({ tunnel: [{ host: '*.pay.example', port: 22 }] }),
    request: connect(API, 22),
  }),
  passes('what tunnel names by its very name stands before the allowlist', `tunnel ${API}`, {
    policy: tunnels({ tunnel: [{ host: API }] }, [{ host: API }]),
  }),
  passes('what it names by a wildcard does not', 'intercept', {
    policy: tunnels({ tunnel: [{ host: '*.pay.example' }], unlisted: 'tunnel' }, [{ host: API }]),
  }),
  passes('a host that nothing names, where those are tunnelled', 'unlisted: tunnel', {
    policy: tunnels({ unlisted: 'tunnel' }),
  }),
  passes('a tunnel to an internal host that is marked so', `tunnel ${API} internal`, {
    policy: tunnels({ tunnel: [{ host: API, internal: true }] }),
    inputs: resolved('10.1.2.3'),
  }),
  refused(
    'a CONNECT to a host that nothing names',
    'domain_not_in_allowlist',
    `${API} is not in the allowlist; to let agents call it: tally policy allow ${API}`,
    { policy: tunnels({ tunnel: [{ host: '*.api.pay.example' }, { host: 'pay.example' }] }) },
  ),
  refused(
    'an empty list, and nothing that is tunnelled',
    'empty_allowlist',
    `the allowlist is empty, so every call is stopped; to let agents call it: tally policy allow ${API}`,
    { policy: tunnels({}) },
  ),
  refused(
    'a CONNECT to a port that no line names',
    'domain_not_in_allowlist',
    `${API} is in the allowlist, but not with port 8443; to let agents call it: tally policy allow ${API}:8443`,
    { policy: tunnels({}, [{ host: API }]), request: connect(API, 8443) },
  ),
  refused(
    'http inside of a CONNECT to a host that nothing names',
    'domain_not_in_allowlist',
    `${API} is not in the allowlist; to let agents call it: tally policy allow ${API} --http`,
    { policy: tunnels({}, [{ host: 'other.example' }]), request: connect(API, 80) },
  ),
  refused(
    'another port than 443 where unlisted hosts are tunnelled',
    'domain_not_in_allowlist',
    `only port 443 of hosts that nothing names is tunnelled, and this is ${API}:25; to let agents call it: tally policy allow ${API}:25, or to have its bytes pass unread name it under tunnel`,
    { policy: tunnels({ unlisted: 'tunnel' }, [{ host: 'other.example' }]), request: connect(API, 25) },
  ),
  refused(
    'a tunnel to an address of the inside',
    'ssrf_protection_blocked',
    `${API} resolves to "10.1.2.3", which is a private address; if that is meant: tunnel: [{ host: "${API}", port: 443, internal: true }]`,
    {
      policy: tunnels({ tunnel: [{ host: API }] }),
      inputs: resolved('93.184.215.14', '10.1.2.3'),
      line: `tunnel ${API}`,
    },
  ),
  refused(
    'a tunnel to a cloud’s metadata service, whatever the policy says',
    'ssrf_protection_blocked',
    "169.254.169.254 is a cloud's metadata service, and nothing in the policy can allow it",
    {
      policy: tunnels({ tunnel: [{ host: '169.254.169.254', internal: true }], unlisted: 'tunnel' }),
      request: connect('169.254.169.254'),
      inputs: uncontracted,
      others: { scopes: 'skip', capability: 'skip' },
    },
  ),
  refused('a CONNECT that names no host', 'domain_not_in_allowlist', 'the request names no host', {
    request: connect(null),
    policy: tunnels({ unlisted: 'tunnel' }),
  }),
];
