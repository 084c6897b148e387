import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { compileCel } from '../../../src/core/policy/cel/compile.ts';
import type { CompiledPolicy, Rate, TierRule } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { readInputs } from '../../../src/core/policy/inputs.ts';
import { policyFromSnapshot, policyInForce } from '../../../src/core/policy/snapshot.ts';
import type { Decision, DecisionInputs, Delegator } from '../../../src/core/policy/types.ts';
import { LAYERS } from './table/case.ts';
import { AGENTS, asked, askedUnder, compiled, reads, request, SCOPES, TOOLS, USERS, WHENS } from './whole.ts';

const runs = { numRuns: 300 };

/** How far a call gets. */
const RANK = { stop: 0, approval_required: 1, allow: 2 } as const;
const rank = ({ outcome }: Decision): number => RANK[outcome];

describe('decisions under whole policies', () => {
  it('come out every way, so that what follows shows something', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(asked, (a) => {
        const { outcome, layer = '' } = decide(a.request, a.policy, a.inputs);
        for (const name of [outcome, layer]) seen.set(name, (seen.get(name) ?? 0) + 1);
      }),
      { numRuns: 3_000, seed: 1 },
    );
    for (const [name, least] of [
      ['allow', 500],
      ['approval_required', 80],
      ['stop', 500],
    ] as const)
      assert.ok((seen.get(name) ?? 0) > least, `${name}: ${seen.get(name)}`);
    for (const layer of LAYERS) assert.ok((seen.get(layer) ?? 0) > 10, `${layer}: ${seen.get(layer)}`);
  });

  it('are made again from their record, the same to the byte', () => {
    fc.assert(
      fc.property(asked, ({ policy, request: r, inputs }) => {
        const text = JSON.stringify(decide(r, policy, inputs));
        const recorded = JSON.parse(text) as { inputs: unknown };
        const again = readInputs(recorded.inputs);
        assert.ok(again !== undefined);
        assert.ok(JSON.stringify(recorded.inputs).length <= LIMITS.decisionInputsBytes);
        const reloaded = policyFromSnapshot(Uint8Array.from(policy.snapshot));
        assert.equal(JSON.stringify(decide(JSON.parse(JSON.stringify(r)), reloaded, again)), text);
      }),
      runs,
    );
  });

  const first = <T>(values: { readonly [name: string]: T } | undefined): string | undefined =>
    Object.keys(values ?? {})[0];
  const lower = (rate: Rate): Rate => ({ ...rate, count: Math.max(1, rate.count - 2) });
  const everyTier = (said: TierRule) => ({ interactive: said, subagent: said, background: said, api: said });

  /** Each makes a policy stricter. */
  const tighten: Readonly<Record<string, (p: CompiledPolicy, n: number) => CompiledPolicy>> = {
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
  for (const [what, change] of Object.entries(tighten))
    it(`never go further after ${what}`, () => {
      fc.assert(
        fc.property(compiled, fc.nat(100), request, reads, (loose, n, r, from) => {
          const strict = policyInForce(change(loose, n));
          const before = askedUnder(policyInForce(loose), r, from);
          // The same calls before it, and the same person's word, under either policy. What a window of the stricter
          // one holds is what the looser one read, where it has the same.
          const after = askedUnder(strict, r, from);
          const windows = { ...after.inputs.windows, ...before.inputs.windows };
          const then = decide(r, strict, { ...after.inputs, windows });
          const now = decide(r, before.policy, before.inputs);
          assert.ok(rank(then) <= rank(now), `${now.outcome} became ${then.outcome}`);
        }),
        runs,
      );
    });

  /** Each is worse for the caller. */
  const worsen: Readonly<Record<string, (i: DecisionInputs, n: number) => DecisionInputs>> = {
    'something is switched off': (i, n) => ({
      ...i,
      kill: [
        ...(i.kill ?? []),
        { scope: ['global', 'writes', 'agent:x', 'tool:look'][n % 4] ?? '', id: 'k' },
      ],
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
          tools: (i.identity.contract?.tools ?? TOOLS).filter(
            (tool) => tool !== TOOLS[n % 3] && tool !== '*',
          ),
        },
      },
    }),
  };
  /** A denial, or an approval that ran out, ends with its request, and then one may ask again: that is not going further. */
  const notOver = ({ grant, decided_at }: DecisionInputs): boolean =>
    grant === undefined ||
    grant.status === 'used' ||
    (grant.status === 'granted' && decided_at < grant.expires_at);
  /** Whether a scope is there is what some rules are about: such a rule may be stricter on who has more. */
  const blind = (p: CompiledPolicy): CompiledPolicy => ({
    ...p,
    rules: (p.rules ?? []).filter(({ when }) => !when.includes('actor.roles')),
  });
  for (const [what, change] of Object.entries(worsen))
    it(`never go further when ${what}`, () => {
      fc.assert(
        fc.property(compiled, fc.nat(100), request, reads, (p, n, r, from) => {
          const { policy, inputs } = askedUnder(policyInForce(blind(p)), r, from);
          fc.pre(!what.includes('grant') || notOver(inputs));
          const now = decide(r, policy, inputs);
          // A token that passes on less than it did has done no wrong any more.
          fc.pre(now.reason !== 'delegation_exceeded');
          const then = decide(r, policy, change(inputs, n));
          assert.ok(rank(then) <= rank(now), `${now.outcome} became ${then.outcome}`);
        }),
        runs,
      );
    });

  it('never go further for whoever a task is passed on to, whatever is passed on', () => {
    const name = fc.constantFrom(...AGENTS, 'new');
    const passed = fc.option(fc.subarray([...SCOPES, 'other']), { nil: undefined });
    fc.assert(
      fc.property(asked, fc.array(fc.tuple(name, passed), { minLength: 1, maxLength: 4 }), (a, hops) => {
        let { identity } = a.inputs;
        for (const [agent_id, scopes] of hops) {
          const { agent_id: giver = '', scopes: given, delegation = [], ...rest } = identity;
          const hand: Delegator =
            given === undefined ? { agent_id: giver } : { agent_id: giver, scopes: given };
          identity = {
            ...rest,
            agent_id,
            delegation: [...delegation, hand],
            ...(scopes === undefined ? {} : { scopes }),
          };
        }
        const now = decide(a.request, a.policy, a.inputs);
        const then = decide(a.request, a.policy, { ...a.inputs, identity });
        assert.ok(rank(then) <= rank(now), `${now.outcome} became ${then.outcome}`);
      }),
      { numRuns: 1_500 },
    );
  });

  it('go on after an approval only with a live grant for this action, these arguments and this policy', () => {
    let used = 0;
    fc.assert(
      fc.property(asked, ({ policy, request: r, inputs }) => {
        const { outcome, approval } = decide(r, policy, inputs);
        const ungranted = (({ grant: _, ...rest }) => rest)(inputs);
        const wanted = decide(r, policy, ungranted).outcome === 'approval_required';
        assert.equal(approval !== undefined, outcome === 'allow' && wanted);
        if (approval === undefined) return;
        used++;
        const { grant } = inputs;
        assert.ok(grant !== undefined && grant.status === 'granted');
        assert.equal(grant.action_key, r.action.key);
        assert.equal(grant.args_hash, r.action.args_hash);
        assert.equal(grant.policy_hash, policy.hash);
        assert.ok(inputs.decided_at < grant.expires_at);
      }),
      { numRuns: 2_000, seed: 2 },
    );
    assert.ok(used > 20, String(used));
  });

  it('are the same whether or not a rule is put only to the actions that it names', () => {
    fc.assert(
      fc.property(asked, ({ policy, request: r, inputs }) => {
        // "true && (…)" is about any action, as far as the look-up by names can tell.
        const spread: CompiledPolicy = {
          ...policy.compiled,
          rules: (policy.compiled.rules ?? []).map((rule) => ({
            ...rule,
            when: `action.name != "" && (${rule.when} ? true : false)`,
          })),
        };
        for (const { when } of spread.rules ?? []) {
          const compiledRule = compileCel(when, new Set(['amount', 'note']));
          assert.ok('program' in compiledRule && compiledRule.program.actions === undefined, when);
        }
        const other = policyInForce(spread);
        const { grant, ...rest } = inputs;
        const known = grant === undefined ? rest : { ...rest, grant: { ...grant, policy_hash: other.hash } };
        const [a, b] = [decide(r, policy, inputs), decide(r, other, known)];
        assert.deepEqual(
          [a.outcome, a.reason, a.layer, a.rule, a.layers],
          [b.outcome, b.reason, b.layer, b.rule, b.layers],
        );
      }),
      runs,
    );
  });
});
