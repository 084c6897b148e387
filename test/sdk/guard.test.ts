import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApprovalPendingError, StoppedError } from '../../src/sdk/errors.ts';
import type { GuardOptions } from '../../src/sdk/types.ts';
import { stage } from './stage.ts';

const ASKS = `version: "1"
allowlist: []
rules: [{ id: big, when: 'action.name == "pay"', decision: approval_required, reason: money }]
approvals: { approver_may_be_requester: true, hold: 0s }
`;

/** A tool that is asked for, allowed by a person, and then called. */
async function payments(t: Parameters<typeof stage>[0], options: GuardOptions = {}) {
  const box = await stage(t, { policy: ASKS });
  const done: unknown[][] = [];
  const execute = (...given: unknown[]) => done.push(given);
  const forms = {
    object: box.tally.guardTool({ name: 'pay', execute }, options).execute,
    function: box.tally.guardTool(execute, { ...options, name: 'pay' }),
  };
  return { ...box, done, forms };
}

describe('an approval of a guarded tool', () => {
  for (const form of ['object', 'function'] as const) {
    it(`covers every argument of it (${form})`, async (t) => {
      const { forms, answer, done } = await payments(t);
      const pay = forms[form];
      await assert.rejects(async () => pay('bob', 10), { code: 'APPROVAL_PENDING' });
      await assert.rejects(async () => pay({ to: 'bob' }), { code: 'APPROVAL_PENDING' });
      await answer('grant');
      for (const other of [['bob', 99_999], ['bob'], ['bob', 10, 'twice'], [{ to: 'bob' }, 99_999]])
        await assert.rejects(async () => pay(...other), { code: 'APPROVAL_PENDING' }, JSON.stringify(other));
      assert.deepEqual(done, []);
      await pay('bob', 10);
      await pay({ to: 'bob' });
      assert.deepEqual(done, [['bob', 10], [{ to: 'bob' }]]);
    });

    it(`is not about what a framework adds, where that is said (${form})`, async (t) => {
      const { forms, answer, done } = await payments(t, { contextAt: 1 });
      const pay = forms[form];
      const context = () => ({
        toolCallId: String(Math.random()),
        abortSignal: new AbortController().signal,
      });
      await assert.rejects(async () => pay({ to: 'bob' }, context()), { code: 'APPROVAL_PENDING' });
      await answer('grant');
      await pay({ to: 'bob' }, context());
      assert.equal(done.length, 1);
      assert.equal(done[0]?.length, 2, 'the tool gets it all the same');
    });
  }

  it('says where context begins as a number, or is none', async (t) => {
    const { tally } = await stage(t);
    for (const contextAt of [-1, 0.5, Number.NaN, '1'])
      assert.throws(
        () => tally.guardTool(() => 1, { contextAt: contextAt as number }),
        /contextAt is the index/,
      );
  });

  it('does not hold for members that are not on record: under symbols, hidden, on lists', async (t) => {
    const { forms, entries } = await payments(t);
    const key = Symbol('amount');
    const hidden = Object.defineProperty({ to: 'bob' }, 'amount', { value: 7 });
    const list = Object.assign(['bob'], { amount: 7 });
    for (const unclear of [{ to: 'bob', [key]: 1 }, { in: { [key]: 1 } }, hidden, list])
      await assert.rejects(async () => forms.function(unclear), {
        code: 'STOPPED',
        reason: 'args_unavailable',
      });
    for (const { action, metadata } of entries('tool.call')) {
      assert.match(String(action?.args_hash_alg), /;partial$/);
      assert.equal((metadata?.args_left_out as { count: number } | undefined)?.count, 1);
    }
  });
});

describe('what is thrown', () => {
  it('is named as its class, and tells a model which approval it waits for', async (t) => {
    const { forms } = await payments(t);
    const error = await forms.function('bob').catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ApprovalPendingError);
    assert.equal(
      String(error),
      `ApprovalPendingError: pay waits for a person to allow it: approval ${error.approvalId}, tally approvals approve ${error.approvalId}`,
    );
    assert.match(
      String(new StoppedError('pay', undefined, { decisionId: 'x', reason: 'r' })),
      /^StoppedError: pay/,
    );
  });

  it('says that a run is over, where something is begun in it afterwards', async (t) => {
    const { tally, entries } = await stage(t);
    const over = await tally.run((run) => run);
    const count = entries().length;
    const ended = { code: 'RUN_ENDED', name: 'AbortError', message: /the run has ended/ };
    await assert.rejects(
      over.act('late', () => assert.fail('it was begun')),
      ended,
    );
    await assert.rejects(
      over.delegate({ agent: 'sub' }, () => assert.fail('it was begun')),
      ended,
    );
    await assert.rejects(over.delegateToken({ agent: 'sub' }), ended);
    assert.equal(over.signal.reason.code, 'RUN_ENDED');
    assert.equal(entries().length, count);
  });
});
