import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { tell } from '../../examples/refund/story.ts';

test('a refund over the limit is held, approved by another person and executed once; a changed amount asks anew', async () => {
  const said: string[] = [];
  const { paid, answers, chain, verified, replayed } = await tell((line) => said.push(line));
  assert.deepEqual(paid, [
    { order: 'o_1', amount: 40 },
    { order: 'o_2', amount: 250 },
  ]);
  assert.deepEqual(
    answers.map(({ decision, proceed }) => [decision.outcome, decision.reason, proceed]),
    [
      ['allow', undefined, true],
      ['approval_required', 'refund_over_limit', false],
      ['allow', undefined, true],
      ['approval_required', 'refund_over_limit', false],
      ['approval_required', 'refund_over_limit', false],
      ['stop', 'policy_approval_denied', false],
    ],
  );
  assert.deepEqual(
    chain.map(({ what }) => what),
    ['decision.made', 'approval.request', 'its end', 'approval.grant', 'decision.made', 'its end'],
  );
  assert.match(said.join('\n'), /403: approval\.grant is for the operator/);
  assert.match(verified, /✓ integrity[\s\S]*✓ completeness/);
  assert.match(replayed, /agree {2}6 decisions/);

  const readme = await readFile(new URL('../../examples/refund/README.md', import.meta.url), 'utf8');
  for (const line of said.filter((one) => one.startsWith('  refund')))
    assert.ok(readme.includes(line.trim()), `the README shows: ${line.trim()}`);
});
