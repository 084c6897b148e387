import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import { compileCel } from '../../../src/core/policy/cel/compile.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { readInputs } from '../../../src/core/policy/inputs.ts';
import { policyFromSnapshot, policyInForce } from '../../../src/core/policy/snapshot.ts';
import type { Decision, DecisionInputs, Delegator } from '../../../src/core/policy/types.ts';
import { TIGHTEN, WORSEN } from './stricter.ts';
import { LAYERS } from './table/case.ts';
import { AGENTS, asked, askedUnder, compiled, reads, request, SCOPES } from './whole.ts';

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

  for (const [what, change] of Object.entries(TIGHTEN))
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
  for (const [what, change] of Object.entries(WORSEN))
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
