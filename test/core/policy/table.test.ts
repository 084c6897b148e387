import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DecisionSchema, TIERS } from '../../../src/core/entry.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { readInputs, recordInputs } from '../../../src/core/policy/inputs.ts';
import { unreadablePolicy } from '../../../src/core/policy/load.ts';
import { isReasonCode, layersOf, REASONS, type ReasonCode } from '../../../src/core/policy/reasons.ts';
import { runOf } from '../../../src/core/policy/subject.ts';
import type { Decision, DecisionRequest } from '../../../src/core/policy/types.ts';
import { judgeDecision } from '../../../src/core/replay/judge.ts';
import { type Asked, askedOf } from './table/base.ts';
import { type Case, decisionOf, LAYERS } from './table/case.ts';
import { MAY } from './table/may.ts';
import { SAID } from './table/said.ts';
import { TUNNEL } from './table/tunnel.ts';
import { USED } from './table/used.ts';
import { WHERE } from './table/where.ts';
import { WHO } from './table/who.ts';

const TABLE: readonly Case[] = [...WHO, ...MAY, ...WHERE, ...TUNNEL, ...SAID, ...USED];

/** Given elsewhere: by whom, and the test that has it produced. */
const ELSEWHERE: { readonly [code in ReasonCode]?: string } = {
  credential_missing: 'test/capture/proxy/call.test.ts',
  audit_unavailable: 'test/capture/proxy/order.test.ts',
};

/** Before any layer runs. */
const BEFORE_LAYERS: { readonly [code in ReasonCode]?: () => ReturnType<typeof decide> } = {
  policy_unreadable: () => decide(askedOf({}).request, unreadablePolicy('line 1: no'), askedOf({}).inputs),
  internal_error: () => decide({} as DecisionRequest, askedOf({}).policy, askedOf({}).inputs),
  inputs_too_large: () =>
    decide(askedOf({}).request, askedOf({}).policy, {
      ...askedOf({}).inputs,
      facts: { note: 'x'.repeat(5_000) },
    }),
};

/** What of an entry its decision is made again from (spec/entry.md). */
function entryOf({ request, inputs }: Asked, decision: Decision) {
  const { tenant_id, action, credentials, args, reason_given, run_id: _, ...place } = request;
  const { agent_id, level, token_id } = inputs.identity;
  const alg = args === 'streamed' ? 'hmac-sha256:k;body=streamed' : 'hmac-sha256:k';
  const run_id = runOf(request, inputs.identity);
  return {
    ...place,
    ...(run_id === undefined ? {} : { run_id }),
    tenant_id: 'local',
    actor: { agent_id, identity_level: level, agent_token_id: token_id },
    action: { ...action, ...(args === undefined ? {} : { args_hash_alg: alg }) },
    credentials,
    ...(reason_given === true ? { reason: 'asked for by the customer' } : {}),
    ...(tenant_id === 'local' ? {} : { metadata: { tenant_named: tenant_id } }),
    decision,
  };
}

describe('the decision table', () => {
  for (const layer of LAYERS)
    describe(layer, () => {
      for (const row of TABLE.filter((one) => one.layer === layer))
        it(`${row.says === 'fail' ? `${row.outcome ?? 'stop'} ${row.reason}` : row.says}: ${row.what}`, () => {
          const asked = askedOf(row);
          const decision = decide(asked.request, asked.policy, asked.inputs);
          assert.deepEqual(decision, decisionOf(row, asked));
          // As it is recorded, and as it is decided again from the record.
          assert.deepEqual(DecisionSchema.parse(decision), decision);
          const read = readInputs(JSON.parse(JSON.stringify(decision.inputs)));
          assert.ok(read !== undefined);
          assert.deepEqual(decide(asked.request, asked.policy, read), decision);
          assert.deepEqual(readInputs(recordInputs(read, undefined)), read);
          const entry = JSON.parse(JSON.stringify(entryOf(asked, decision))) as JsonObject;
          assert.deepEqual(judgeDecision(entry, asked.policy), { kind: 'agrees' });
        });
    });

  it('has every layer pass and fail, and skip where it can be left out', () => {
    const ALWAYS: readonly string[] = ['identity', 'membership'];
    for (const layer of LAYERS)
      for (const says of ['pass', 'fail', 'skip'] as const) {
        const rows = TABLE.filter((row) => row.layer === layer && row.says === says);
        assert.equal(rows.length > 0, says !== 'skip' || !ALWAYS.includes(layer), `${layer} ${says}`);
      }
    // Whatever a call looks like, who is calling and whether it belongs here is asked.
    for (const row of TABLE) {
      const { layers } = decisionOf(row, askedOf(row));
      for (const { layer, result } of layers) if (ALWAYS.includes(layer)) assert.notEqual(result, 'skip');
    }
  });

  it('names each row once', () => {
    const names = TABLE.map(({ layer, what }) => `${layer}: ${what}`);
    assert.equal(new Set(names).size, names.length);
  });

  it('has every reason code, each given by a layer that it belongs to', () => {
    const given = new Map<string, Set<string>>();
    for (const { says, reason = '', layer } of TABLE)
      if (says === 'fail') given.set(reason, (given.get(reason) ?? new Set()).add(layer));
    for (const code of Object.keys(REASONS) as ReasonCode[]) {
      const file = ELSEWHERE[code];
      if (file !== undefined) {
        assert.ok(readFileSync(file, 'utf8').includes(`'${code}'`), `${code} in ${file}`);
        continue;
      }
      const before = BEFORE_LAYERS[code]?.();
      if (before !== undefined) {
        assert.equal(before.reason, code);
        assert.equal(before.outcome, 'stop');
        assert.equal(before.layer, layersOf(code)[0]);
        continue;
      }
      const layers = given.get(code);
      assert.ok(layers !== undefined, `${code} stands in no row of the table`);
      for (const layer of layers)
        if (code !== 'policy_approval_required')
          assert.ok(
            layersOf(code).some((one) => one === layer),
            `${code} is given by ${layer}`,
          );
    }
    // The only others are of the authors of rules.
    for (const code of given.keys())
      assert.ok(isReasonCode(code) || ['refund_over_limit', 'too_late'].includes(code), code);
  });

  it('has every tier', () => {
    const tiers = new Set(TABLE.map((row) => askedOf(row).request.action.tier));
    assert.deepEqual([...tiers].filter((tier) => tier !== undefined).sort(), [...TIERS].sort());
  });
});
