import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { changeOf } from '../../../src/core/replay/change.ts';
import { countDifferences } from '../../../src/core/replay/differences.ts';
import { isUnrecordable, judgeDecision, kindOf } from '../../../src/core/replay/judge.ts';
import { otherwise } from '../../../src/core/replay/otherwise.ts';
import { ALTERATIONS, type Alterable, POLICY, recordDecision, STRICTER } from '../../support/decisions.ts';
import { entriesOf, machine } from '../../support/recorder.ts';
import { showReplay } from '../../support/replay-show.ts';

const policyOf = (text: string) => compilePolicy(text, { id: 'local' });

const STRICTER_POLICY = policyOf(STRICTER);

async function recorded(text: string, count: number): Promise<readonly JsonObject[]> {
  const box = await machine();
  const recorder = await box.open({ policy: text });
  for (let n = 0; n < count; n++) await recordDecision(recorder, n);
  await recorder.close('test');
  return entriesOf(box.disk).filter(({ decision }) => decision !== undefined) as unknown as JsonObject[];
}

describe('replay', () => {
  it('agrees with all that a recorder decided, names all that was altered, and counts what another policy changes', async () => {
    const said: string[] = [];
    const { stricter } = await showReplay({ decisions: 1_200, altered: 66, say: (text) => said.push(text) });
    const { against } = stricter;
    assert.ok(against !== undefined && against.differ > 0 && against.undecidable > 0 && against.same > 0);
    assert.ok(said.some((line) => line.includes('UNDECIDABLE')));
  });

  it('every alteration of a decision is told by the member that it is of', async () => {
    const entries = await recorded(POLICY, 60);
    const policy = policyOf(POLICY);
    const seen = new Set<string>();
    for (const entry of entries) {
      assert.deepEqual(judgeDecision(entry, policy), { kind: 'agrees' });
      for (const [name, alter] of Object.entries(ALTERATIONS)) {
        const copy = structuredClone(entry);
        if (!alter(copy as unknown as Alterable)) continue;
        seen.add(name);
        const replayed = judgeDecision(copy, policy);
        assert.equal(replayed.kind, 'differs', `${name} of entry ${entry.index}`);
      }
    }
    assert.deepEqual([...seen].sort(), Object.keys(ALTERATIONS).sort());
  });

  it('a decision that is told in other words agrees, and says so; one that lost its words, or says more, does not', async () => {
    const entries = await recorded(POLICY, 60);
    const policy = policyOf(POLICY);
    const worded = entries.filter(({ decision }) => typeof (decision as JsonObject).message === 'string');
    assert.ok(worded.length > 0);
    for (const entry of worded) {
      const { message: _message, ...rest } = entry.decision as JsonObject;
      const judged = (decision: JsonObject) => judgeDecision({ ...entry, decision }, policy);
      assert.deepEqual(judged({ ...rest, message: 'as an older version put it' }), {
        kind: 'agrees',
        reworded: true,
      });
      assert.deepEqual(judged(rest), { kind: 'differs', members: ['message'] });
      assert.equal(judged({ ...rest, message: 'so', reason: 'mine' }).kind, 'differs');
    }
  });

  it('is total over entries of any shape', async () => {
    const [entry] = await recorded(POLICY, 1);
    const policy = policyOf(POLICY);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.string(), (value, name) => {
        const stricter = STRICTER_POLICY;
        for (const broken of [
          { ...entry, decision: value },
          { ...entry, decision: { ...(entry?.decision as JsonObject), inputs: value } },
          { ...entry, action: value, actor: value },
          { ...entry, [name]: value },
        ] as JsonObject[]) {
          kindOf(broken);
          isUnrecordable(broken);
          judgeDecision(broken, policy);
          if (kindOf(broken) === undefined) otherwise(broken, policy, stricter);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('another policy', () => {
  const same = policyOf(POLICY);
  const answers = async (other: string, count = 60) => {
    const policy = policyOf(other);
    return (await recorded(POLICY, count)).map((entry) => ({ entry, found: otherwise(entry, same, policy) }));
  };

  it('that says the same decides the same', async () => {
    const found = await answers(POLICY.replace('version: "7"', 'version: "9"'));
    assert.deepEqual(
      found.filter(({ found: { kind } }) => kind !== 'same'),
      [],
    );
  });

  it('whose rules read a fact that was not recorded is undecidable there, and only there', async () => {
    const facts = POLICY.replace('amount: args.amount', 'amount: args.amount, month: args.month').replace(
      'rules:\n',
      `rules:\n  - { id: january, when: 'action.name == "report.read" && facts.month == 1.0', decision: stop }\n`,
    );
    for (const { entry, found } of await answers(facts)) {
      const { name } = entry.action as { name: string };
      const { layers } = entry.decision as unknown as { layers: { layer: string }[] };
      const reached = layers.some(({ layer }) => layer === 'rules');
      if (name === 'report.read' && reached) assert.deepEqual(found, { kind: 'undecidable', why: 'facts' });
      else assert.equal(found.kind, 'same');
    }
  });

  it('reads a fact under another name when it is the same place of the arguments', async () => {
    const renamed = POLICY.replaceAll('facts.amount', 'facts.sum').replace('amount: args', 'sum: args');
    for (const { found } of await answers(renamed)) assert.notEqual(found.kind, 'undecidable');
  });

  it('that counts what was not counted is undecidable, and decided where a stop comes before or after', async () => {
    const counted = await answers(POLICY.replace('2000/10s', '2000/20s'));
    for (const { entry, found } of counted) {
      const { layers } = entry.decision as unknown as { layers: { layer: string }[] };
      const reached = layers.some(({ layer }) => layer === 'limits');
      assert.equal(found.kind, reached ? 'undecidable' : 'same');
    }
    const fewer = await answers(POLICY.replace('2000/10s', '1/10s'), 90);
    assert.ok(
      fewer.some(({ found }) => found.kind === 'differs' && found.after.reason === 'rate_limited_user'),
    );
    assert.ok(fewer.every(({ found }) => found.kind !== 'undecidable'));
  });

  it('differences are counted in bounded memory, and none is lost', () => {
    const differences = countDifferences();
    for (let n = 0; n < 5_000; n++)
      differences.add({ before: 'allow', after: 'stop', reason: 'x', agent: `a${n}`, to: 'h' }, n);
    for (let n = 0; n < 10; n++)
      differences.add({ before: 'allow', reason: 'facts', agent: 'a0', to: 'h' }, n);
    const { rows, rest } = differences.rows();
    assert.equal(rows.length, 1_000);
    assert.equal(
      rows.reduce((sum, { count }) => sum + count, rest),
      5_010,
    );
  });

  it('a decision that is not enforced says so in the table', async () => {
    const [entry] = await recorded(POLICY, 1);
    assert.ok(entry !== undefined);
    const decision = { ...(entry.decision as JsonObject), outcome: 'stop', enforced: false };
    const change = changeOf({ ...entry, decision }, { kind: 'undecidable', why: 'facts' });
    assert.equal(change.before, 'stop (observed)');
    assert.equal(change.after, undefined);
  });
});
