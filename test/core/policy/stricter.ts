/** Changes after which no call may go further: of policies, and of what was read for a call. */
import type { CompiledPolicy, Rate, TierRule } from '../../../src/core/policy/compiled.ts';
import type { DecisionInputs } from '../../../src/core/policy/types.ts';
import { AGENTS, SCOPES, TOOLS, USERS, WHENS } from './whole.ts';

const first = <T>(values: { readonly [name: string]: T } | undefined): string | undefined =>
  Object.keys(values ?? {})[0];
const lower = (rate: Rate): Rate => ({ ...rate, count: Math.max(1, rate.count - 2) });
const everyTier = (said: TierRule) => ({ interactive: said, subagent: said, background: said, api: said });

/** Each makes a policy stricter. */
export const TIGHTEN: Readonly<Record<string, (p: CompiledPolicy, n: number) => CompiledPolicy>> = {
  'adding a stop rule': (p, n) => {
    const rule = { id: 'more', when: WHENS[n % WHENS.length] ?? 'true', decision: 'stop' } as const;
    const rules = p.rules ?? [];
    const at = n % (rules.length + 1);
    return { ...p, rules: [...rules.slice(0, at), rule, ...rules.slice(at)] };
  },
  'adding a rule that wants an approval': (p, n) => ({
    ...p,
    rules: [
      { id: 'more', when: WHENS[n % WHENS.length] ?? 'true', decision: 'approval_required' },
      ...(p.rules ?? []),
    ],
  }),
  'adding a rule that fails': (p) => ({
    ...p,
    rules: [...(p.rules ?? []), { id: 'more', when: 'facts.none > 1.0', decision: 'allow' }],
  }),
  'making a rule stricter': (p, n) => ({
    ...p,
    rules: (p.rules ?? []).map((rule, i) => (i === n % 3 ? { ...rule, decision: 'stop' as const } : rule)),
  }),
  'denying an agent a credential': (p, n) => {
    const agent = AGENTS[n % AGENTS.length] ?? 'x';
    const known = p.agents[agent];
    const deny = [...(known?.credentials?.deny ?? []), 'K'];
    return {
      ...p,
      agents: { ...p.agents, [agent]: { ...known, credentials: { ...known?.credentials, deny } } },
    };
  },
  'keeping an agent to a tool': (p, n) => {
    const agent = AGENTS[n % AGENTS.length] ?? 'x';
    const tools = (p.agents[agent]?.tools ?? TOOLS).slice(1);
    return { ...p, agents: { ...p.agents, [agent]: { ...p.agents[agent], tools } } };
  },
  'taking a scope from a role': (p) => {
    const role = first(p.roles);
    if (role === undefined) return p;
    return { ...p, roles: { ...p.roles, [role]: { scopes: (p.roles?.[role]?.scopes ?? []).slice(1) } } };
  },
  'requiring a scope': (p, n) => {
    const tool = TOOLS[n % TOOLS.length] ?? '';
    const known = p.tools?.[tool];
    const required = [...(known?.required_scopes ?? []), SCOPES[n % SCOPES.length] ?? ''];
    return { ...p, tools: { ...p.tools, [tool]: { ...known, required_scopes: required } } };
  },
  'requiring a role': (p, n) => {
    const tool = TOOLS[n % TOOLS.length] ?? '';
    return { ...p, tools: { ...p.tools, [tool]: { ...p.tools?.[tool], roles: ['admin'] } } };
  },
  'requiring a reason': (p, n) => {
    const tool = TOOLS[n % TOOLS.length] ?? '';
    return { ...p, tools: { ...p.tools, [tool]: { ...p.tools?.[tool], reason: 'required' } } };
  },
  'taking a user out of the policy': (p, n) => {
    if (p.users === undefined) return p;
    const { [USERS[n % USERS.length] ?? '']: _, ...users } = p.users;
    return { ...p, users };
  },
  'taking projects from a user': (p) => {
    const id = first(p.users);
    if (id === undefined || p.users === undefined) return p;
    return { ...p, users: { ...p.users, [id]: { roles: [], ...p.users[id], projects: ['web'] } } };
  },
  'saying stop of a tool for one user': (p, n) => {
    const id = first(p.users);
    const tool = TOOLS[n % TOOLS.length] ?? '';
    if (id === undefined || p.users === undefined) return p;
    const user = { roles: [], ...p.users[id] };
    const tools = { ...user.tools, [tool]: everyTier({ permission: 'stop' }) };
    return { ...p, users: { ...p.users, [id]: { ...user, tools } } };
  },
  'saying stop by default': (p) => ({ ...p, defaults: everyTier({ permission: 'stop' }) }),
  'wanting an approval for a method': (p) => ({
    ...p,
    credentials: {
      ...p.credentials,
      K: {
        ...p.credentials.K,
        methods: {
          ...p.credentials.K?.methods,
          ...(p.credentials.K?.methods?.POST === 'stop' ? {} : { POST: 'approval_required' }),
          ...(p.credentials.K?.methods === undefined ? { GET: 'allow' } : {}),
        },
      },
    },
  }),
  'lowering limits': (p) => ({
    ...p,
    limits: Object.fromEntries(
      Object.entries(p.limits ?? {}).map(([name, rate]) => [
        name,
        typeof rate === 'number' ? Math.max(1, rate - 2) : lower(rate),
      ]),
    ),
  }),
  'bounding what nothing bounded': (p) => ({
    ...p,
    limits: { global: { count: 3, window_ms: 60_000 }, ...p.limits },
  }),
  'lowering budgets': (p) => ({
    ...p,
    budgets: { max_steps: 1, ...p.budgets, ...(p.budgets?.max_usd === undefined ? {} : { max_usd: 1 }) },
  }),
  'keeping a line of the allowlist to a method': (p) => ({
    ...p,
    allowlist: p.allowlist.map((line) => ({
      ...line,
      methods: (line.methods ?? ['GET', 'POST']).slice(1),
    })),
  }),
  'keeping it to a path': (p) => ({
    ...p,
    allowlist: p.allowlist.map((line) => ({ ...line, paths: (line.paths ?? ['/v1/**']).slice(1) })),
  }),
  'stopping those who only claim a name': (p) => ({ ...p, identity: { ...p.identity, declared: 'stop' } }),
};
/** Each is worse for the caller. */
export const WORSEN: Readonly<Record<string, (i: DecisionInputs, n: number) => DecisionInputs>> = {
  'something is switched off': (i, n) => ({
    ...i,
    kill: [...(i.kill ?? []), { scope: ['global', 'writes', 'agent:x', 'tool:look'][n % 4] ?? '', id: 'k' }],
  }),
  'more was counted': (i, n) => ({
    ...i,
    windows: Object.fromEntries(
      Object.entries(i.windows ?? {}).map(([key, { count }]) => [key, { count: count + (n % 3) }]),
    ),
  }),
  'more was used': ({ budget, ...i }, n) => {
    const { steps = 0, elapsed_ms = 0, tool_calls = 0, usd = 0, repeats = 0 } = budget ?? {};
    const more = {
      steps: steps + (n % 2),
      elapsed_ms: elapsed_ms + 500,
      tool_calls: tool_calls + (n % 3),
      usd: usd + 0.5,
      repeats: repeats + (n % 2),
    };
    return budget === undefined ? i : { ...i, budget: more };
  },
  'the token is bad': (i) => ({ ...i, identity: { ...i.identity, failure: 'token_revoked' } }),
  'nobody stands behind it': ({ principal: _, ...i }) => i,
  'the grant is gone': ({ grant: _, ...i }) => i,
  'the grant is another one': ({ grant, ...i }) =>
    grant === undefined ? i : { ...i, grant: { ...grant, status: 'used' } },
  'the token leaves a scope out': (i, n) => ({
    ...i,
    identity: { ...i.identity, scopes: (i.identity.scopes ?? SCOPES).filter((_, at) => at !== n % 3) },
  }),
  'the run leaves a tool out': (i, n) => ({
    ...i,
    identity: {
      ...i.identity,
      contract: {
        ...i.identity.contract,
        tools: (i.identity.contract?.tools ?? TOOLS).filter((tool) => tool !== TOOLS[n % 3] && tool !== '*'),
      },
    },
  }),
};
