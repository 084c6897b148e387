/** One decision, as the broker asks for it: an allowlist of 1,000 hosts, one credential, two resolved addresses. */
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

function time(request: DecisionRequest): readonly [p50: number, p99: number] {
  const micros: number[] = [];
  for (let i = -20_000; i < CALLS; i++) {
    const started = performance.now();
    decide(request, policy, inputs);
    if (i >= 0) micros.push((performance.now() - started) * 1000);
  }
  return [quantile(micros, 0.5), quantile(micros, 0.99)];
}

export async function run(): Promise<string> {
  const row = (name: string, host: string): string[] => [
    name,
    ...time(requestTo(host)).map((us) => `${us.toFixed(1)} µs`),
  ];
  return `## decide

An allowlist of ${HOSTS} hosts, one credential with its own rules, two resolved addresses. Goal: p50 ≤ 10 µs, p99 ≤ 50 µs.

${table(['decision', 'p50', 'p99'], [row('allow', 'api-500.example.com'), row('stop: not in the allowlist', 'elsewhere.example.com')])}`;
}
