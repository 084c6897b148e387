import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stage, until } from './stage.ts';

const POLICY = `version: "1"
allowlist: []
tools: { pay: {} }
rules: [{ id: ask, when: 'action.name == "pay"', decision: approval_required }]
approvals: { approver_may_be_requester: true, hold: 20s }
`;

describe('an approval that was asked for in one run', () => {
  it('is waited for in another run of the same agent, which asks for the same', async (t) => {
    const box = await stage(t, { policy: POLICY });
    const pay = (approvalTimeoutMs?: number) =>
      box.tally.run((run) =>
        run.act(
          {
            name: 'pay',
            args: { to: 'kim' },
            ...(approvalTimeoutMs === undefined ? {} : { approvalTimeoutMs }),
          },
          () => 'paid',
        ),
      );
    await assert.rejects(pay(0), { code: 'APPROVAL_PENDING' });
    const again = pay();
    await until(() => box.entries('tool.call').length === 2);
    await box.answer('grant');
    assert.equal(await again, 'paid');
    assert.equal(box.entries('approval.request').length, 1);
  });

  it('is nothing that another agent may wait for', async (t) => {
    const box = await stage(t, { policy: POLICY });
    const act = (agent: string) =>
      box.tally.run({ agent }, (run) => run.act({ name: 'pay', approvalTimeoutMs: 0 }, () => 'paid'));
    await assert.rejects(act('one'), { code: 'APPROVAL_PENDING' });
    await assert.rejects(act('two'), { code: 'APPROVAL_PENDING' });
    assert.equal(box.entries('approval.request').length, 2);
  });
});
