/** Requests and inputs in short, for the tests of the evaluator. */
import type { InjectionStyle } from '../../../src/core/entry.ts';
import type { PolicyInForce } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import type { Decision, DecisionInputs, DecisionRequest } from '../../../src/core/policy/types.ts';

export const AT = '2026-11-20T10:00:00.000Z';

export const policyOf = (rest: string): PolicyInForce =>
  compilePolicy(`version: "7"\n${rest}`, { id: 'local' });

export function requestTo(
  address: string,
  rest: {
    readonly method?: string;
    readonly credentials?: readonly (readonly [string, InjectionStyle])[];
  } = {},
): DecisionRequest {
  const url = new URL(address);
  return {
    tenant_id: 'local',
    action: {
      name: 'http.call',
      target: {
        scheme: url.protocol.slice(0, -1),
        host: url.hostname,
        ...(url.port === '' ? {} : { port: Number(url.port) }),
        method: rest.method ?? 'GET',
      },
    },
    credentials: (rest.credentials ?? []).map(([ref, injection_style]) => ({ ref, injection_style })),
  };
}

export const inputsOf = (rest: Partial<DecisionInputs> = {}): DecisionInputs => ({
  decided_at: AT,
  identity: { level: 'anonymous' },
  ...rest,
});

/** One policy with a line of every kind. */
export const POLICY = policyOf(`
allowlist:
  - api.example
  - api.example:8443
  - { host: plain.example, http: true }
  - { host: localhost, port: 9000, http: true, internal: true }
  - { host: both.example, port: 80 }
  - { host: both.example, http: true }
  - twice.example:443
  - { host: twice.example, internal: true }
  - 10.0.0.9
  - { host: "::1", port: 9000, internal: true }
  - { host: metadata.google.internal, internal: true, http: true }
  - { host: 169.254.169.254, internal: true, http: true }
credentials:
  BOUND: { hosts: [api.example, "localhost:9000"] }
  MINE: { agents: [billing] }
  STYLED: { styles: [bearer, env_inject] }
  READ: { methods: { GET: allow, DELETE: stop } }
  ISSUED: { requires: issued }
agents:
  billing: { requires: issued }
  other: {}
`);

/** The outcome, and of a stop its layer and reason. */
export const said = (decision: Decision): string =>
  decision.outcome === 'allow' ? 'allow' : `${decision.outcome} ${decision.layer} ${decision.reason}`;

export const ask = (request: DecisionRequest, inputs: Partial<DecisionInputs> = {}): Decision =>
  decide(request, POLICY, inputsOf(inputs));
