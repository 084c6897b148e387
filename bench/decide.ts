/** One decision, as the broker asks for it: an allowlist of 1,000 hosts, one credential, two resolved addresses. */
import { PolicyEngine } from '@microsoft/agent-governance-sdk';
import { decide } from '../src/core/policy/decide.ts';
import { compilePolicy } from '../src/core/policy/load.ts';
import type { DecisionInputs, DecisionRequest } from '../src/core/policy/types.ts';
import { quantile, table } from './stats.ts';

const HOSTS = 1_000;
const CALLS = 200_000;

const policy = compilePolicy(
  `version: "1"
allowlist:
${Array.from({ length: HOSTS }, (_, i) => `  - api-${i}.example.com`).join('\n')}
credentials:
  KEY: { hosts: [api-500.example.com], styles: [bearer], methods: { GET: allow } }
`,
  { id: 'local' },
);
const inputs: DecisionInputs = {
  decided_at: '2026-01-01T00:00:00.000Z',
  identity: { level: 'declared', agent_id: 'bench' },
  addresses: ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'],
};

function requestTo(host: string): DecisionRequest {
  return {
    tenant_id: 'local',
    action: { name: 'http.call', target: { scheme: 'https', host, port: 443, path: '/', method: 'GET' } },
    credentials: [{ ref: 'KEY', injection_style: 'bearer' }],
  };
}

/** The same question to a peer: its rules are conditions over the call, so it gets fewer of them. */
const PEER_RULES = 100;
const peer = new PolicyEngine();
peer.loadPolicy({
  name: 'bench',
  default_action: 'deny',
  rules: Array.from({ length: PEER_RULES }, (_, i) => ({
    name: `host-${i}`,
    condition: `host == 'api-${i}.example.com'`,
    ruleAction: 'allow' as const,
  })),
});

function time(ask: () => unknown): readonly [p50: number, p99: number] {
  const micros: number[] = [];
  for (let i = -20_000; i < CALLS; i++) {
    const started = performance.now();
    ask();
    if (i >= 0) micros.push((performance.now() - started) * 1000);
  }
  return [quantile(micros, 0.5), quantile(micros, 0.99)];
}

export async function run(): Promise<string> {
  const row = (name: string, ask: () => unknown): string[] => [
    name,
    ...time(ask).map((us) => `${us.toFixed(1)} µs`),
  ];
  const ours = (host: string) => {
    const request = requestTo(host);
    return () => decide(request, policy, inputs);
  };
  const call = { host: 'api-50.example.com', method: 'GET', scheme: 'https', port: 443, path: '/' };
  if (!peer.evaluatePolicy('did:bench', call).allowed)
    throw new Error('the peer does not understand its rules');
  const rows = [
    row('**allow**', ours('api-500.example.com')),
    row('**stop: not in the allowlist**', ours('elsewhere.example.com')),
    row(`agent-governance-sdk, ${PEER_RULES} rules`, () => peer.evaluatePolicy('did:bench', call)),
  ];
  return `## decide

An allowlist of ${HOSTS} hosts, one credential with its own rules, two resolved addresses. Goal: p50 ≤ 10 µs, p99 ≤ 50 µs,
and at most half of what agent-governance-sdk's policy evaluation takes.

${table(['decision', 'p50', 'p99'], rows)}`;
}
