/** Decisions of every kind, recorded by a real recorder, and what somebody with the files can make of them. */
import type { Event } from '../../src/core/entry.ts';
import { actorFor, principalOf } from '../../src/core/policy/principal.ts';
import type { DecisionRequest, Identity } from '../../src/core/policy/types.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';

const USERS = 40;

const users = (roles: string): string =>
  Array.from(
    { length: USERS },
    (_, n) => `  u_${n}: { email: u${n}@example.com, roles: [${n % 5 === 0 ? 'guest' : roles}] }`,
  ).join('\n');

export const POLICY = `version: "7"
identity: { anonymous: allow, declared: allow }
allowlist:
  - api.example.com
  - "*.payments.example"
  - { host: ops.example, methods: [GET], paths: ["/status/**"] }
credentials:
  PAY_KEY: { hosts: [api.example.com], methods: { GET: allow, POST: approval_required } }
roles:
  clerk: { scopes: [crm.read, payments.write] }
  guest: { scopes: [crm.read] }
users:
${users('clerk')}
tools:
  refund.create: { required_scopes: [payments.write] }
  report.read: { required_scopes: [crm.read], writes: false }
facts: { amount: args.amount }
rules:
  - { id: huge-refund, when: 'action.name == "refund.create" && facts.amount > 5000.0', decision: stop, reason: refund_over_limit }
  - { id: big-refund, when: 'action.name == "refund.create" && facts.amount > 500.0', decision: approval_required, reason: refund_over_limit, ttl: 15m }
limits: { per_user: 2000/10s }
budgets: { max_steps: 400 }
`;

/** Fewer hosts, smaller amounts, more that is counted, and a fact that nobody took out of the arguments before. */
export const STRICTER = `version: "8"
identity: { anonymous: stop, declared: allow }
allowlist:
  - api.example.com
  - { host: ops.example, methods: [GET], paths: ["/status/**"] }
credentials:
  PAY_KEY: { hosts: [api.example.com], methods: { GET: allow } }
roles:
  clerk: { scopes: [crm.read, payments.write] }
  guest: { scopes: [] }
users:
${users('clerk')}
tools:
  refund.create: { required_scopes: [payments.write] }
  report.read: { required_scopes: [crm.read], writes: false, interactive: { rate: 5/m } }
facts: { amount: args.amount, currency: args.currency }
rules:
  - { id: big-refund, when: 'action.name == "refund.create" && facts.amount > 100.0', decision: stop, reason: refund_over_limit }
  - { id: dollars, when: 'action.name == "report.read" && facts.currency != "EUR"', decision: stop }
limits: { per_user: 1000/10s }
budgets: { max_steps: 400 }
`;

function identityOf(n: number): Identity {
  const agent_id = `agent-${n % 7}`;
  const user_id = `u_${n % USERS}`;
  if (n % 101 === 0) return { level: 'declared', agent_id, failure: 'token_revoked' };
  return {
    level: 'issued',
    agent_id,
    token_id: `agt_${agent_id}`,
    user_id,
    ...(n % 4 === 0 ? { run_id: `run_${n % 50}` } : {}),
    ...(n % 13 === 0
      ? { scopes: ['crm.read'], delegation: [{ agent_id: 'boss', scopes: ['crm.read'] }] }
      : {}),
  };
}

interface Asked {
  readonly request: Omit<DecisionRequest, 'tenant_id'>;
  readonly args?: unknown;
}

function askedOf(n: number): Asked {
  const target = { scheme: 'https', method: n % 3 === 0 ? 'POST' : 'GET', path: `/status/${n % 9}` };
  switch (n % 6) {
    case 0:
      return {
        request: { action: { name: 'refund.create' }, args: 'whole', credentials: [] },
        args: { amount: (n * 37) % 7000, to: n },
      };
    case 1:
      return {
        request: { action: { name: 'report.read' }, args: 'whole', credentials: [] },
        args: { month: n % 12 },
      };
    case 2:
      return {
        request: {
          action: { name: 'http.call', target: { ...target, host: 'api.example.com' } },
          credentials: [{ ref: 'PAY_KEY', injection_style: 'bearer' }],
        },
      };
    case 3:
      return {
        request: {
          action: { name: 'http.call', target: { ...target, host: `eu${n % 3}.payments.example` } },
          credentials: [],
        },
      };
    case 4:
      return {
        request: {
          action: { name: 'http.call', target: { ...target, host: 'ops.example' } },
          credentials: [],
        },
      };
    default:
      return {
        request: {
          action: { name: 'http.call', target: { ...target, host: `other${n % 4}.example` } },
          credentials: [],
          reason_given: true,
        },
      };
  }
}

/** The `n`-th of them. What is allowed is ended at once. */
export async function recordDecision(recorder: LocalRecorder, n: number): Promise<void> {
  const identity = identityOf(n);
  const { request, args } = askedOf(n);
  const { compiled } = recorder.policy();
  const { run_id } = identity;
  const event = (): Event => ({
    type: 'decision.made',
    phase: 'pre_exec',
    actor: actorFor(compiled, identity, principalOf(compiled, identity, undefined)),
    action: { name: request.action.name },
    ...(request.credentials.length === 0 ? {} : { credentials: [...request.credentials] }),
    ...(request.reason_given === true ? { reason: 'to look at it' } : {}),
  });
  const { receipt } = await recorder.act(
    {
      request: { tenant_id: recorder.tenant, ...request, ...(run_id === undefined ? {} : { run_id }) },
      identity,
      ...(args === undefined ? {} : { args }),
    },
    event,
    { surface: 'http', assurance: 'observed' },
  );
  await recorder.record(
    { type: 'decision.made', phase: 'post_exec', parent_id: receipt.id, outcome: { status: 'ok' } },
    { surface: 'http', assurance: 'self_reported' },
  );
}

/** `count` decisions, some dozens under way at a time. */
export async function recordDecisions(
  recorder: LocalRecorder,
  count: number,
  tick: (n: number) => void = () => undefined,
): Promise<void> {
  const AT_ONCE = 64;
  for (let n = 0; n < count; n += AT_ONCE) {
    tick(n);
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - n) }, (_, i) => recordDecision(recorder, n + i)),
    );
  }
}

/** An entry with a decision, to be altered. */
export interface Alterable {
  readonly index: number;
  readonly action: { target?: { host?: string } };
  readonly decision: {
    outcome: string;
    reason?: string;
    enforced?: boolean;
    layers: readonly { readonly layer: string; readonly result: string }[];
    readonly inputs: {
      decided_at: string;
      readonly identity: { agent_id?: string };
      readonly facts?: { amount?: number };
      readonly windows?: { [key: string]: { count: number; free_in_ms?: number } };
    };
    readonly policy: { hash: string };
    readonly snapshot: { hash: string };
  };
}

const OUTCOMES = ['allow', 'stop', 'approval_required'];

/** What somebody might alter of a decision; each gives whether there was something to alter. */
export const ALTERATIONS: { readonly [name: string]: (entry: Alterable) => boolean } = {
  outcome({ decision }) {
    decision.outcome = OUTCOMES[(OUTCOMES.indexOf(decision.outcome) + 1) % OUTCOMES.length] ?? '';
    return true;
  },
  reason({ decision }) {
    decision.reason = decision.reason === 'policy_denied' ? 'scope_missing' : 'policy_denied';
    return true;
  },
  layers({ decision }) {
    decision.layers = decision.layers.slice(0, -1);
    return true;
  },
  enforced({ decision }) {
    decision.enforced = decision.enforced !== true;
    return true;
  },
  time({ decision }) {
    decision.inputs.decided_at = '2019-01-01T00:00:00.000Z';
    return true;
  },
  who({ decision }) {
    decision.inputs.identity.agent_id = 'somebody-else';
    return true;
  },
  amount({ decision }) {
    if (decision.inputs.facts?.amount === undefined || !reached(decision, 'rules')) return false;
    decision.inputs.facts.amount = decision.inputs.facts.amount > 500 ? 1 : 6000;
    return true;
  },
  counts({ decision }) {
    const { windows = {} } = decision.inputs;
    const [key] = Object.keys(windows);
    if (key === undefined || !reached(decision, 'limits')) return false;
    windows[key] = (windows[key]?.count ?? 0) >= 2000 ? { count: 0 } : { count: 2000, free_in_ms: 1 };
    return true;
  },
  asked({ action, decision }) {
    if (action.target?.host !== 'other1.example' || !reached(decision, 'allowlist')) return false;
    action.target.host = 'api.example.com';
    return true;
  },
  policy({ decision }) {
    decision.policy.hash = '0'.repeat(64);
    return true;
  },
  snapshot({ decision }) {
    decision.snapshot.hash = 'f'.repeat(64);
    return true;
  },
};

function reached({ layers }: Alterable['decision'], layer: string): boolean {
  return layers.some((one) => one.layer === layer && one.result !== 'skip');
}
