/** Policies, requests and inputs from few words, so that they meet often. */
import fc from 'fast-check';
import { INJECTION_STYLES } from '../../../src/core/entry.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { policyInForce } from '../../../src/core/policy/snapshot.ts';
import type { DecisionInputs, DecisionRequest } from '../../../src/core/policy/types.ts';
import { AT } from './fixtures.ts';

export const HOSTS = [
  'a.example',
  'b.example',
  'localhost',
  '127.0.0.1',
  '::1',
  '169.254.169.254',
  'metadata.google.internal',
];
const REFS = ['K', 'L', 'constructor'];
const AGENTS = ['x', 'y'];

const host = fc.constantFrom(...HOSTS);
const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values]);
const verdict = fc.constantFrom('allow' as const, 'stop' as const);
const issued = fc.constant('issued' as const);
const optional: { requiredKeys: [] } = { requiredKeys: [] };

export const compiled: fc.Arbitrary<CompiledPolicy> = fc.record({
  format: fc.constant(1 as const),
  id: fc.constant('local'),
  version: fc.constant('1'),
  source_hash: fc.constant('0'.repeat(64)),
  mode: fc.constantFrom('enforce' as const, 'observe' as const),
  identity: fc.record({ anonymous: verdict, declared: verdict }),
  allowlist: fc.array(
    fc.record(
      { host, port: fc.constantFrom(80, 443, 9000), http: fc.boolean(), internal: fc.boolean() },
      { requiredKeys: ['host'] },
    ),
    { maxLength: 8 },
  ),
  credentials: fc.dictionary(
    fc.constantFrom(...REFS),
    fc.record(
      {
        hosts: some(HOSTS),
        agents: some(AGENTS),
        styles: some(INJECTION_STYLES),
        methods: fc.dictionary(fc.constantFrom('GET', 'POST'), verdict, { noNullPrototype: true }),
        requires: issued,
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    { noNullPrototype: true },
  ),
  agents: fc.dictionary(fc.constantFrom(...AGENTS), fc.record({ requires: issued }, optional), {
    noNullPrototype: true,
  }),
});
export const policy = compiled.map(policyInForce);

export const request: fc.Arbitrary<DecisionRequest> = fc.record({
  tenant_id: fc.constant('local'),
  action: fc.record(
    {
      name: fc.constant('http.call'),
      target: fc.record(
        {
          scheme: fc.constantFrom('https', 'https', 'http', 'ftp'),
          host: fc.oneof(host, fc.constantFrom('[::1]', 'A.example.', '0x7f.1', 'c.example', '', '*')),
          port: fc.constantFrom(80, 443, 9000, 1),
          method: fc.constantFrom('GET', 'post', 'PUT'),
        },
        optional,
      ),
    },
    { requiredKeys: ['name'] },
  ),
  credentials: fc.array(
    fc.record({ ref: fc.constantFrom(...REFS, 'M'), injection_style: fc.constantFrom(...INJECTION_STYLES) }),
    { maxLength: 3 },
  ),
});

export const inputs: fc.Arbitrary<DecisionInputs> = fc.record(
  {
    decided_at: fc.constant(AT),
    identity: fc.record(
      {
        level: fc.constantFrom('anonymous' as const, 'declared' as const, 'issued' as const),
        agent_id: fc.constantFrom(...AGENTS),
        token_id: fc.string(),
        run_id: fc.string(),
        failure: fc.constantFrom('token_invalid' as const, 'token_expired' as const),
      },
      { requiredKeys: ['level'] },
    ),
    addresses: fc.array(fc.constantFrom('93.184.215.14', '127.0.0.1', '::1', '169.254.169.254', 'x'), {
      maxLength: 3,
    }),
    allow_observe: fc.boolean(),
    facts: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }) as fc.Arbitrary<Record<string, null>>,
  },
  { requiredKeys: ['decided_at', 'identity'] },
);
