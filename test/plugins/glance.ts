/** What tests of the frameworks share: the policy, what the scripted model says, and entries at a glance. */
import assert from 'node:assert/strict';
import type { Said } from '../../examples/frameworks/model.ts';
import type { Entry } from '../../src/core/entry.ts';
import type { Stage } from '../sdk/stage.ts';

export const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools: { find: {}, pay: {}, boom: {}, slow: {}, ask: {}, ask_payer: {}, shell: {}, read_file: {} }
rules:
  - { id: big, when: 'action.name == "pay" && facts.amount > 100', decision: stop, reason: too_much }
  - { id: ask, when: 'action.name == "pay" && facts.amount > 50', decision: approval_required, reason: over_fifty }
  - { id: no-shell, when: 'action.name == "shell" || action.name == "erase_file"', decision: stop, reason: no_shell }
approvals: { approver_may_be_requester: true, hold: 1s }
`;

export const call = (name: string, args: Record<string, unknown>): Said => ({ tools: [{ name, args }] });
export const DONE: Said = { text: 'done' };

/** Without what the model was told and said. */
export const shape = (entries: readonly Entry[]) =>
  entries
    .filter(({ type }) => !/^(model|system|user)\./.test(type))
    .map(({ type, action, decision, outcome, source }) =>
      [type, action?.name, decision?.outcome, outcome?.status, source.assurance]
        .filter((x) => x !== undefined)
        .join(' '),
    );

/** Every end at its beginning, none twice, nothing left open. */
export function assertPairs(box: Stage): void {
  const entries = box.entries();
  const begun = new Map(
    entries.filter(({ phase }) => phase === 'pre_exec').map((entry) => [entry.id, entry]),
  );
  for (const end of entries.filter(({ phase }) => phase === 'post_exec')) {
    const start = begun.get(end.parent_id ?? '');
    assert.ok(start, `${end.type} has a beginning`);
    assert.equal(start.run_id, end.run_id);
    begun.delete(start.id);
  }
  assert.deepEqual([...begun.values()], []);
}
