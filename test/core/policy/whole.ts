/** Policies that say something of everything, and calls under them, from few words, so that they meet often. */
// reason for length: one generator, a member after the other in the order of the types
import fc from 'fast-check';
import { DECISION_OUTCOMES, TIERS } from '../../../src/core/entry.ts';
import type {
  AllowedHost,
  Budgets,
  CompiledPolicy,
  Contract,
  CredentialRule,
  Limits,
  PolicyInForce,
  TierRules,
  ToolRule,
  UserRule,
} from '../../../src/core/policy/compiled.ts';
import { killScopesOf } from '../../../src/core/policy/kill-scopes.ts';
import { policyInForce } from '../../../src/core/policy/snapshot.ts';
import { countedOf } from '../../../src/core/policy/subject.ts';
import type {
  DecisionInputs,
  DecisionRequest,
  Delegator,
  GrantRead,
  Identity,
} from '../../../src/core/policy/types.ts';
import { windowsOf } from '../../../src/core/policy/windows.ts';
import { AT } from './fixtures.ts';

export const USERS = ['u', 'v', 'constructor'];
export const AGENTS = ['x', 'y', 'z'];
export const SCOPES = ['read', 'write', 'admin'];
export const TOOLS = ['refund', 'look', 'http.call', 'http.connect'];
const ROLES = ['member', 'admin', 'owner'];
const PLACES = ['web', 'app'];
const KEYS = ['aa', 'bb'];

/** What rules are about. None of them is true for one name of an agent only: a delegate gives itself its name. */
export const WHENS = [
  'true',
  'action.name == "refund"',
  'action.name == "refund" && facts.amount > 10.0',
  'facts.amount > 10.0',
  'has(facts.amount) && facts.amount > 100.0',
  'action.name in ["look", "refund"] && actor.environment == "app"',
  '"admin" in actor.roles',
  '!("write" in actor.scopes)',
  'action.method != "GET" && action.tier == "background"',
  'action.tier == "background" || action.name == "look"',
  'actor.delegation_chain.exists(a, a == "y")',
  'facts.note == "x" && action.name == "look"',
];

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values]);
/** Mostly what lets a call through: what is nearly always a stop shows nothing. */
const mostly = <T>(value: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: others });
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  mostly<T | undefined>(undefined, value);

/** Without its members that are undefined: what is not said is absent. */
type Said<T> = { [K in keyof T]: fc.Arbitrary<T[K] | undefined> };
function said<T extends object>(members: Said<T>): fc.Arbitrary<T> {
  return fc
    .record(members as { [K in keyof T]: fc.Arbitrary<T[K]> }, { noNullPrototype: true })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as T);
}

const outcome = mostly('allow' as const, fc.constantFrom('stop' as const, 'approval_required' as const));
const rate = fc.record({
  count: fc.integer({ min: 3, max: 8 }),
  window_ms: fc.constantFrom(1_000, 60_000),
});
const tierRule = fc.oneof(
  outcome.map((permission) => ({ permission })),
  rate.map((bound) => ({ rate: bound })),
);
const tierRules: fc.Arbitrary<TierRules> = fc
  .tuple(fc.constantFrom(...TIERS), tierRule)
  .map(([tier, rules]) => ({ [tier]: rules, interactive: rules }));

const rule = fc
  .tuple(
    fc.constantFrom(...WHENS),
    fc.constantFrom(...DECISION_OUTCOMES, 'allow', 'approval_required'),
    fc.nat(9),
  )
  .map(([when, decision, n]) => ({ id: `r${n}`, when, decision, ...(n === 0 ? { ttl_ms: 60_000 } : {}) }));

const contract: fc.Arbitrary<Contract> = fc.constantFrom<Contract[]>(
  {},
  { credentials: { deny: ['L'] } },
  { credentials: { allow: ['K', 'M'] }, hosts: ['*.example'] },
  { tools: ['refund', 'look'] },
  { hosts: ['a.example'], credentials: { allow: ['*'], deny: ['M'] } },
);

/** What everybody has when nothing else is said. */
const FREE: UserRule = { roles: ['member'], scopes: [...SCOPES] };
const user: fc.Arbitrary<UserRule> = mostly<UserRule>(
  FREE,
  said<UserRule>({
    roles: some(ROLES),
    scopes: mostly(SCOPES, some(SCOPES)),
    projects: rarely(some(PLACES)),
    environments: rarely(some(PLACES)),
    tiers: tierRules,
    tools: rarely(tierRules.map((tiers) => ({ refund: tiers }))),
  }),
);
const tool: fc.Arbitrary<ToolRule> = said<ToolRule>({
  required_scopes: mostly(['read'], some(SCOPES)),
  roles: rarely(some(ROLES)),
  writes: rarely(fc.boolean()),
  reason: rarely(fc.constant('required' as const)),
  tiers: rarely(tierRules),
});
const line: fc.Arbitrary<AllowedHost> = said<AllowedHost>({
  host: fc.constantFrom('a.example', 'b.example', '*.example'),
  methods: mostly(['GET', 'POST'], some(['GET', 'POST'])),
  paths: mostly<readonly string[]>(['/**'], fc.constantFrom(['/v1/*'], ['/v1/**', '/'])),
  projects: rarely(some(PLACES)),
  environments: rarely(some(PLACES)),
});
const credential: fc.Arbitrary<CredentialRule> = said<CredentialRule>({
  hosts: rarely(some(['a.example', '*.example'])),
  agents: rarely(some(AGENTS)),
  methods: rarely(
    fc.constantFrom({ GET: 'allow' as const, POST: 'approval_required' as const }, { POST: 'stop' as const }),
  ),
});

export const compiled: fc.Arbitrary<CompiledPolicy> = said<CompiledPolicy>({
  format: fc.constant(1),
  id: fc.constant('local'),
  version: fc.constant('1'),
  source_hash: fc.constant('0'.repeat(64)),
  mode: fc.constant('enforce'),
  identity: mostly<CompiledPolicy['identity']>(
    { anonymous: 'allow', declared: 'allow' },
    fc.constant({ anonymous: 'stop' as const, declared: 'stop' as const }),
  ),
  allowlist: fc.array(line, { maxLength: 2 }).map((lines) => [{ host: 'a.example' }, ...lines]),
  unlisted: rarely(fc.constant('tunnel' as const)),
  tunnel: rarely(fc.constantFrom([{ host: 'b.example' }], [{ host: '*.d.example', port: 443 }])),
  credentials: fc.oneof(
    fc.constant({}),
    credential.map((K) => ({ K })),
  ),
  agents: fc.oneof(
    fc.constant({}),
    contract.map((x) => ({ x })),
    contract.map((y) => ({ y })),
  ),
  roles: rarely(some(SCOPES).map((scopes) => ({ member: { scopes } }))),
  users: mostly<CompiledPolicy['users'] | undefined>(
    { u: FREE, v: FREE, constructor: FREE },
    fc.oneof(
      fc.constant(undefined),
      user.map((u) => ({ u, v: FREE })),
    ),
  ),
  tools: fc.oneof(
    fc.constant(undefined),
    tool.map((refund) => ({ refund })),
    tool.map((look) => ({ look })),
  ),
  defaults: fc.option(tierRules, { nil: undefined }),
  facts: fc.constant({ amount: ['amount'], note: ['note'] }),
  rules: fc.array(rule, { maxLength: 3 }),
  limits: rarely(
    said<Limits>({
      per_user: fc.option(rate, { nil: undefined }),
      per_agent: fc.option(rate, { nil: undefined }),
      global: fc.option(rate, { nil: undefined }),
      burst: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
  ),
  budgets: fc.option(
    fc.constantFrom<Budgets[]>(
      { max_steps: 5, max_usd: 3 },
      { max_seconds: 4, max_tool_calls: 4 },
      { max_repeat_action: 4 },
    ),
    { nil: undefined },
  ),
  approvals: fc.constant({ ttl_ms: 60_000, hold_ms: 0, approver_may_be_requester: false }),
});

export const request: fc.Arbitrary<DecisionRequest> = said<DecisionRequest>({
  tenant_id: mostly('local', fc.constant('other')),
  project_id: fc.constantFrom(...PLACES, undefined),
  environment: fc.constantFrom(...PLACES, undefined),
  run_id: fc.constantFrom('run', undefined),
  action: said<DecisionRequest['action']>({
    name: fc.constantFrom(...TOOLS),
    tool: rarely(fc.record({ name: fc.constantFrom(...TOOLS) })),
    tier: fc.constantFrom(...TIERS, undefined),
    key: fc.constantFrom(...KEYS, 'aa', 'aa'),
    args_hash: fc.constantFrom(...KEYS, 'aa', 'aa'),
    target: fc.record({
      scheme: fc.constant('https'),
      host: mostly('a.example', fc.constantFrom('b.example', 'c.d.example', 'd.other')),
      path: mostly('/v1/x', fc.constantFrom('/v1/x/y', '/', '/v1/..%2fx')),
      method: fc.constantFrom('GET', 'post', 'POST'),
    }),
  }),
  args: mostly<'whole' | 'streamed'>('whole', fc.constant('streamed')),
  reason_given: mostly<boolean | undefined>(true, fc.constant(undefined)),
  credentials: fc.array(
    fc.record({ ref: fc.constantFrom('K', 'L', 'M'), injection_style: fc.constant('bearer' as const) }),
    { maxLength: 1 },
  ),
});

const hand: fc.Arbitrary<Delegator> = said<Delegator>({
  agent_id: fc.constantFrom(...AGENTS),
  token_id: fc.constant(undefined),
  scopes: fc.constantFrom(undefined, SCOPES, ['read', 'write']),
});

const identity: fc.Arbitrary<Identity> = said<Identity>({
  level: mostly<Identity['level']>('issued', fc.constant('declared')),
  agent_id: fc.constantFrom(...AGENTS),
  token_id: fc.constant(undefined),
  run_id: fc.constant(undefined),
  user_id: fc.constant(undefined),
  scopes: fc.constantFrom(undefined, undefined, SCOPES, ['read', 'write'], ['read']),
  delegation: fc.oneof(fc.constant(undefined), fc.array(hand, { maxLength: 3 })),
  contract: rarely(contract),
  project_id: rarely(fc.constantFrom(...PLACES)),
  environment: fc.constant(undefined),
  failure: fc.constant(undefined),
});

interface Read {
  readonly inputs: DecisionInputs;
  readonly counts: readonly number[];
  readonly killed: readonly string[];
  readonly grant: Omit<GrantRead, 'policy_hash'> | undefined;
}

const grant: fc.Arbitrary<Read['grant']> = fc.option(
  fc.record({
    id: fc.constant('log_g'),
    status: fc.constantFrom('granted', 'granted', 'granted', 'pending', 'denied', 'expired', 'used'),
    action_key: mostly('aa', fc.constant('bb')),
    args_hash: mostly('aa', fc.constant('bb')),
    expires_at: mostly('2026-11-20T10:00:00.001Z', fc.constant('2026-11-20T10:00:00.000Z')),
  }),
  { nil: undefined },
);

const read: fc.Arbitrary<Read> = fc.record({
  inputs: said<DecisionInputs>({
    decided_at: fc.constant(AT),
    identity,
    principal: mostly(
      { id: 'u', source: 'token' },
      fc.constantFrom(...USERS).map((id) => ({ id, source: 'token' as const })),
    ),
    addresses: fc.constant(undefined),
    allow_observe: fc.constant(undefined),
    facts: mostly<DecisionInputs['facts']>(
      { amount: 50, note: 'y' },
      fc.constantFrom({ amount: 1, note: 'x' }, { amount: 500, note: 'x' }, { amount: 500 }, {}, undefined),
    ),
    kill: fc.constant(undefined),
    windows: fc.constant(undefined),
    budget: fc.record({
      steps: fc.nat(5),
      elapsed_ms: fc.nat(4_500),
      tool_calls: fc.nat(4),
      usd: fc.nat(3),
      repeats: fc.nat(4),
    }),
    grant: fc.constant(undefined),
  }),
  counts: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  killed: mostly<string[]>([], some(['global', 'writes', 'agent:x', 'agent:y', 'tool:refund'])),
  grant,
});

export interface Asked {
  readonly policy: PolicyInForce;
  readonly request: DecisionRequest;
  readonly inputs: DecisionInputs;
}

/** What was read under this policy: the windows that it asks for, and a grant that it gave. */
export function askedUnder(policy: PolicyInForce, r: DecisionRequest, from: Read): Asked {
  const { inputs, counts, killed, grant } = from;
  const windows = windowsOf(policy.compiled, countedOf(r, inputs));
  const scopes = killScopesOf(r, inputs.identity, policy.compiled);
  return {
    policy,
    request: r,
    inputs: {
      ...inputs,
      kill: killed.filter((scope) => scopes.includes(scope)).map((scope) => ({ scope, id: 'log_k' })),
      windows: Object.fromEntries(
        windows.map(({ key }, i) => [key, { count: counts[i % counts.length] ?? 0 }]),
      ),
      ...(grant === undefined ? {} : { grant: { ...grant, policy_hash: policy.hash } }),
    },
  };
}

export const reads = read;
export const asked: fc.Arbitrary<Asked> = fc
  .tuple(compiled, request, read)
  .map(([policy, r, from]) => askedUnder(policyInForce(policy), r, from));
