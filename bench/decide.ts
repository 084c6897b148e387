/**
 * One decision, as the recorder asks for it: a policy with 100 rules and 1,000 users, all thirteen layers, counters,
 * budgets and facts; against a peer's policy evaluation with as many rules.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PolicyEngine } from '@microsoft/agent-governance-sdk';
import type { CompiledPolicy, PolicyInForce, Rule } from '../src/core/policy/compiled.ts';
import { decide } from '../src/core/policy/decide.ts';
import { policyInForce } from '../src/core/policy/snapshot.ts';
import { countedOf } from '../src/core/policy/subject.ts';
import type { DecisionInputs, DecisionRequest } from '../src/core/policy/types.ts';
import { windowsOf } from '../src/core/policy/windows.ts';
import { inTurn, median, quantile, table } from './stats.ts';

const RULES = 100;
const USERS = 1_000;
const MANY_USERS = 100_000;
const HOSTS = 1_000;
const ROUNDS = 5;
const CALLS = 20_000;
const WARM_UP = 2_000;

/** Half of them are about one action each, as rules mostly are; or none says so, and all are put to every call. */
function rulesOf(kind: 'named' | 'any'): readonly Rule[] {
  return Array.from({ length: RULES }, (_, i) => ({
    id: `rule-${i}`,
    when:
      kind === 'named' && i % 2 === 0
        ? `action.name == "tool-${i}" && facts.amount > ${1000 + i}.0`
        : `actor.environment == "production" && action.host == "host-${i}.example.com"`,
    decision: i % 3 === 0 ? 'stop' : 'approval_required',
  }));
}

function policyOf(users: number, rules: readonly Rule[]): PolicyInForce {
  const compiled: CompiledPolicy = {
    format: 1,
    id: 'local',
    version: '1',
    source_hash: '0'.repeat(64),
    mode: 'enforce',
    identity: { anonymous: 'stop', declared: 'allow' },
    allowlist: Array.from({ length: HOSTS }, (_, i) => ({ host: `api-${i}.example.com` })),
    credentials: { KEY: { hosts: ['api-500.example.com'], styles: ['bearer'], methods: { POST: 'allow' } } },
    agents: { bench: { credentials: { allow: ['KEY'] }, hosts: ['*.example.com'] } },
    roles: { member: { scopes: ['crm.read', 'crm.write', 'payments.write'] } },
    users: Object.fromEntries(
      Array.from({ length: users }, (_, i) => [`u_${i}`, { email: `u${i}@example.com`, roles: ['member'] }]),
    ),
    tools: {
      'tool-50': { required_scopes: ['payments.write'], tiers: { interactive: { permission: 'allow' } } },
    },
    defaults: { interactive: { permission: 'allow', rate: { count: 60, window_ms: 60_000 } } },
    facts: { amount: ['amount'] },
    rules,
    limits: { per_agent: { count: 600, window_ms: 60_000 }, burst: 12 },
    budgets: { max_steps: 25, max_usd: 1 },
  };
  return policyInForce(compiled);
}

const request: DecisionRequest = {
  tenant_id: 'local',
  environment: 'production',
  run_id: 'run_1',
  action: {
    name: 'tool-50',
    key: '0'.repeat(32),
    target: { scheme: 'https', host: 'api-500.example.com', port: 443, path: '/v1/refunds', method: 'POST' },
  },
  args: 'whole',
  credentials: [{ ref: 'KEY', injection_style: 'bearer' }],
};
const elsewhere: DecisionRequest = {
  ...request,
  action: { ...request.action, target: { ...request.action.target, host: 'elsewhere.example.com' } },
};

function inputsFor(policy: PolicyInForce, user: string): DecisionInputs {
  const who = {
    identity: { level: 'issued', agent_id: 'bench', token_id: 'agt_1', user_id: user, delegation: [] },
    principal: { id: user, source: 'token' },
  } as const;
  const windows = windowsOf(policy.compiled, countedOf(request, who));
  return {
    decided_at: '2026-01-01T00:00:00.000Z',
    ...who,
    addresses: ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'],
    facts: { amount: 12.5 },
    kill: [],
    windows: Object.fromEntries(windows.map(({ key }) => [key, { count: 3 }])),
    budget: { steps: 3, elapsed_ms: 1_200, tool_calls: 2, usd: 0.1, repeats: 0 },
  };
}

/** The same question to a peer, with as many rules. */
const peer = new PolicyEngine();
peer.loadPolicy({
  name: 'bench',
  default_action: 'deny',
  rules: Array.from({ length: RULES }, (_, i) => ({
    name: `host-${i}`,
    condition: `host == 'api-${i}.example.com'`,
    ruleAction: 'allow' as const,
  })),
});
const call = { host: 'api-50.example.com', method: 'POST', scheme: 'https', port: 443, path: '/v1/refunds' };

function timed(ask: () => unknown) {
  return async (): Promise<readonly number[]> => {
    const micros: number[] = [];
    for (let i = -WARM_UP; i < CALLS; i++) {
      const started = performance.now();
      ask();
      if (i >= 0) micros.push((performance.now() - started) * 1000);
    }
    return micros;
  };
}

/** What a policy with very many users holds, after a decision for one in ten of them. */
function megabytesHeld(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const policy = policyOf(MANY_USERS, rulesOf('named'));
  for (let i = 0; i < MANY_USERS; i += 10) decide(request, policy, inputsFor(policy, `u_${i}`));
  const held = used() - before + policy.snapshot.length;
  return held / 2 ** 20;
}

function asker(policy: PolicyInForce, asked: DecisionRequest, outcome: string): () => unknown {
  const inputs = inputsFor(policy, 'u_500');
  const first = decide(asked, policy, inputs);
  if (first.outcome !== outcome) throw new Error(`the decision is ${first.outcome}: ${first.message}`);
  return () => decide(asked, policy, inputs);
}

export async function run(): Promise<string> {
  if (!peer.evaluatePolicy('did:bench', call).allowed)
    throw new Error('the peer does not understand its rules');
  const named = policyOf(USERS, rulesOf('named'));
  const any = policyOf(USERS, rulesOf('any'));
  const cases = {
    '**allow**, half of the rules name their action': timed(asker(named, request, 'allow')),
    '**allow**, every rule is put to the call': timed(asker(any, request, 'allow')),
    '**stop**: not in the allowlist': timed(asker(any, elsewhere, 'stop')),
    [`agent-governance-sdk, ${RULES} rules`]: timed(() => peer.evaluatePolicy('did:bench', call)),
  };
  const results = await inTurn(cases, ROUNDS);
  const at = (name: string, q: number): number =>
    median((results[name] ?? []).map((micros) => quantile(micros, q)));
  const names = Object.keys(cases);
  const [, ours = '', , theirs = ''] = names;
  const rows = names.map((name) => [name, ...[0.5, 0.99].map((q) => `${at(name, q).toFixed(1)} µs`)]);
  return `## decide

A policy with ${RULES} rules, ${USERS} users, ${HOSTS} hosts, a contract, limits and budgets; a call of one of the users with a
fact, three windows and two resolved addresses, through all thirteen layers. Goal: p50 ≤ 10 µs, p99 ≤ 50 µs, and at most
half of what agent-governance-sdk's policy evaluation takes with as many rules.

${table(['decision', 'p50', 'p99'], rows)}

agent-governance-sdk takes **${(at(theirs, 0.5) / at(ours, 0.5)).toFixed(1)}** times as long as the second row. A policy with ${MANY_USERS.toLocaleString('en-US')} users
holds ${megabytesHeld().toFixed(0)} MB, its snapshot included.`;
}
