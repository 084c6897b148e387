import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { needsOf } from '../../../src/core/governance/needs.ts';
import { openGovernance, SavedGovernanceSchema, saveGovernance } from '../../../src/core/governance/saved.ts';
import type { Governed } from '../../../src/core/governance/state.ts';
import {
  emptyGovernance,
  foldEntry,
  type GovernanceState,
  readFor,
} from '../../../src/core/governance/state.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

const POLICY = compilePolicy(
  `version: "1"
allowlist: [a.example]
limits: { per_user: 3/10s, per_agent: 5/m, global: 20/m, burst: 2 }
budgets: { max_steps: 5 }
`,
  { id: 'local' },
);
const START = Date.UTC(2026, 0, 1);
const id = (n: number): string => `log_${String(n).padStart(26, '0')}`;

type Made = { readonly type: string; readonly more: JsonObject; readonly wait: number };

type MadeCall = typeof call extends fc.Arbitrary<infer T> ? T : never;

const who = fc.constantFrom('a1', 'a2');
const key = fc.constantFrom('k1', 'k2');
const call = fc.record({
  agent: who,
  key,
  run: fc.constantFrom('r1', 'r2', undefined),
  limits: fc.constantFrom('pass', 'fail', 'skip', undefined),
  outcome: fc.constantFrom('allow', 'stop', 'approval_required'),
  used: fc.option(fc.nat(40), { nil: undefined }),
});

const entry: fc.Arbitrary<Made> = fc
  .tuple(
    fc.integer({ min: 0, max: 4_000 }),
    fc.oneof(
      { arbitrary: call.map((made) => ['http.call', callEntry(made)] as const), weight: 6 },
      {
        arbitrary: fc
          .tuple(fc.constantFrom('global', 'agent:a1', 'writes', 'nonsense'), fc.boolean())
          .map(([scope, on]) => ['killswitch.change', { metadata: { scope, on } }] as const),
        weight: 1,
      },
      {
        arbitrary: fc.tuple(who, key).map(
          ([agent, action_key]) =>
            [
              'approval.request',
              {
                action: { name: 'x', key: action_key, args_hash: 'aa' },
                metadata: {
                  policy_hash: 'p',
                  expires_at: new Date(START + 30_000).toISOString(),
                  ttl_ms: 30_000,
                  approvers: ['role:admin'],
                  requester: { agent_id: agent },
                },
              },
            ] as const,
        ),
        weight: 2,
      },
      {
        arbitrary: fc
          .tuple(fc.constantFrom('approval.grant', 'approval.deny', 'approval.expire'), fc.nat(40))
          .map(([type, n]) => [type, { metadata: { approval: id(n), approver: 'ada' } }] as const),
        weight: 3,
      },
      {
        arbitrary: fc
          .integer({ min: -1e7, max: 1e7 })
          .map((step_ms) => ['clock.step', { metadata: { step_ms } }] as const),
        weight: 1,
      },
      {
        arbitrary: fc
          .constantFrom('r1', 'r2')
          .map(
            (run_id) =>
              ['tool.call', { run_id, outcome: { status: 'ok', usage: { cost_usd: 0.1 } } }] as const,
          ),
        weight: 1,
      },
    ),
  )
  .map(([wait, [type, more]]) => ({ type, more: more as JsonObject, wait }));

function callEntry({ agent, key: action_key, run, limits, outcome, used }: MadeCall): object {
  return {
    ...(run === undefined ? {} : { run_id: run }),
    action: { name: 'http.call', key: action_key },
    decision: {
      outcome,
      layers: [
        { layer: 'identity', result: 'pass' },
        ...(limits === undefined ? [] : [{ layer: 'limits', result: limits }]),
      ],
      ...(used === undefined ? {} : { approval: { id: id(used) } }),
      inputs: { identity: { agent_id: agent }, principal: { id: 'u' } },
    },
  };
}

const entriesOf = (made: readonly Made[]): readonly JsonObject[] => {
  let now = START;
  return made.map(({ type, more, wait }, index) => {
    now += wait;
    return {
      id: id(index),
      index,
      ts: new Date(now).toISOString(),
      type,
      tenant_id: 'local',
      source: { assurance: 'enforced' },
      ...more,
    };
  });
};

function ask(state: GovernanceState, agent: string, action_key: string, nowMs: number): Governed {
  return readFor(
    state,
    {
      tenant_id: 'local',
      run_id: 'r1',
      action: {
        name: 'http.call',
        key: action_key,
        args_hash: 'aa',
        target: { host: 'a.example', method: 'POST' },
      },
      credentials: [],
    },
    { level: 'declared', agent_id: agent },
    undefined,
    POLICY,
    nowMs,
  );
}

const fresh = (): GovernanceState => emptyGovernance(needsOf(POLICY.compiled));

describe('the state behind decisions', () => {
  it('is the same from the log alone, from a saved state and the rest, and when entries come twice', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), fc.nat(60), (made, cut) => {
        const entries = entriesOf(made);
        const whole = fresh();
        for (const one of entries) foldEntry(whole, one);
        const head = fresh();
        for (const one of entries.slice(0, cut)) foldEntry(head, one);
        const text = JSON.stringify(saveGovernance(head));
        const resumed = openGovernance(SavedGovernanceSchema.parse(JSON.parse(text)));
        for (const one of entries) foldEntry(resumed, one);
        const nowMs = Date.parse(String(entries.at(-1)?.ts ?? new Date(START).toISOString()));
        for (const later of [0, 1_000, 15_000, 40_000])
          for (const agent of ['a1', 'a2'])
            for (const action_key of ['k1', 'k2'])
              assert.deepEqual(
                ask(resumed, agent, action_key, nowMs + later),
                ask(whole, agent, action_key, nowMs + later),
              );
      }),
      { numRuns: 300 },
    );
  });

  it('takes nothing from what clients say, from imports, and from refused requests', () => {
    const state = fresh();
    const said = { source: { assurance: 'self_reported' } };
    const list: readonly JsonObject[] = entriesOf([
      { type: 'killswitch.change', wait: 0, more: { ...said, metadata: { scope: 'global', on: true } } },
      {
        type: 'killswitch.change',
        wait: 0,
        more: { decision: { outcome: 'stop', layers: [] }, metadata: { scope: 'global', on: true } },
      },
      {
        type: 'http.call',
        wait: 0,
        more: {
          ...said,
          run_id: 'r1',
          decision: { outcome: 'allow', layers: [] },
          metadata: { imported: {} },
        },
      },
      {
        type: 'tool.call',
        wait: 0,
        more: { ...said, run_id: 'r1', outcome: { usage: { cost_usd: 5 } }, metadata: { imported: {} } },
      },
    ]);
    for (const one of list) foldEntry(state, one);
    const read = ask(state, 'a1', 'k1', START);
    assert.deepEqual(read.kill, []);
    assert.deepEqual(read.budget, { steps: 0, elapsed_ms: 0, tool_calls: 0, usd: 0, repeats: 0 });
  });

  it('survives any entry, whatever stands where', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(entry, fc.dictionary(fc.string(), fc.jsonValue())), { maxLength: 20 }),
        (list) => {
          const state = fresh();
          const entries = entriesOf(list.map(([made]) => made));
          for (const [i, one] of entries.entries())
            foldEntry(state, { ...one, ...(list[i]?.[1] as JsonObject) });
          ask(state, 'a1', 'k1', START);
          SavedGovernanceSchema.parse(JSON.parse(JSON.stringify(saveGovernance(state))));
        },
      ),
      { numRuns: 300 },
    );
  });
});
