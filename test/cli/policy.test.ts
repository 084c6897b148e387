/** `tally policy …` as a person runs it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

const ONE = `version: "1"
facts: { amount: args.amount }
allowlist: [one.example]
rules: [{ id: big, when: 'action.name == "refund.create" && facts.amount > 100', decision: approval_required, reason: too_much }]
`;
const TWO = ONE.replace('"1"', '"2"').replace('> 100', '> 50').replace('one.example', 'two.example');

test('a policy is written once, checked with places, tried against its table, and explained', async (t) => {
  const home = makeHome(t);
  const file = join(home.directory, 'tally.policy.yaml');
  assert.equal((await home.tally(['policy', 'init'])).code, 0);
  const written = readFileSync(file, 'utf8');
  const again = await home.tally(['policy', 'init']);
  assert.deepEqual([again.code, again.error().code, readFileSync(file, 'utf8')], [2, 'USAGE', written]);

  writeFileSync(file, ONE.replace('facts.amount > 100', 'facts.amuont > 100'));
  const wrong = await home.tally(['policy', 'check']);
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.error().message,
    /line 4, column \d+: the rule "big": the policy names no fact "amuont"/,
  );
  assert.match(wrong.error().hint ?? '', /did you mean facts\.amount\?/);

  writeFileSync(file, ONE);
  const call = 'call: { action: refund.create, args: { amount: 200 } }';
  const table = join(home.directory, 'tally.policy.test.yaml');
  writeFileSync(table, `tests: [{ name: waits, ${call}, expect: approval_required, reason: too_much }]`);
  assert.equal((await home.tally(['policy', 'test'])).code, 0);
  writeFileSync(table, `tests: [{ name: goes, ${call}, expect: allow }]`);
  const failed = await home.tally(['policy', 'test', '--json']);
  assert.equal(failed.code, 1);
  assert.deepEqual([failed.json().tests, failed.json().failed], [1, 1]);

  const explained = await home.tally([
    'policy',
    'explain',
    '--tool',
    'refund.create',
    '--fact',
    'amount=200',
    '--json',
  ]);
  const { outcome, rule, layers, state } = explained.json() as {
    outcome: string;
    rule: string;
    layers: { layer: string; result: string; words: string }[];
    state: string;
  };
  assert.deepEqual([outcome, rule, state, layers.length], ['approval_required', 'big', 'supposed', 13]);
  assert.ok(layers.every(({ words }) => words.length > 3));
  const approved = await home.tally([
    'policy',
    'explain',
    '--tool',
    'refund.create',
    '--args',
    '{"amount":200}',
    '--approval',
    'granted',
  ]);
  assert.match(approved.stdout, /^allow/);
  const unknown = await home.tally(['policy', 'explain', '--tool', 'x', '--tier', 'now']);
  assert.deepEqual([unknown.code, unknown.error().code], [2, 'USAGE']);
});

test('versions are told with who, why and both hashes, and compared', async (t) => {
  const home = makeHome(t);
  const file = join(home.directory, 'tally.policy.yaml');
  writeFileSync(file, ONE);
  const next = join(home.directory, 'next.yaml');
  writeFileSync(next, TWO);
  assert.equal((await home.tally(['policy', 'set', next, '--reason', 'less without a yes'])).code, 0);
  const { versions } = (await home.tally(['policy', 'history', '--json'])).json() as {
    versions: { how: string; version: string; before?: string; after: string; who?: string; why?: string }[];
  };
  assert.deepEqual(
    versions.map(({ how, version }) => [how, version]),
    [
      ['start', '1'],
      ['set', '2'],
    ],
  );
  const [first, second] = versions;
  assert.equal(second?.before, first?.after);
  assert.equal(second?.why, 'less without a yes');
  assert.ok(second?.who);

  const diff = await home.tally(['policy', 'diff', '1', 'now', '--json']);
  assert.equal(diff.code, 0, diff.stderr);
  assert.deepEqual(
    (diff.json().changes as { section: string }[]).map(({ section }) => section),
    ['version', 'allowlist', 'allowlist', 'rules'],
  );
  const files = await home.tally(['policy', 'diff', file, next]);
  assert.equal(files.stdout.trim(), 'They are the same.');
  const none = await home.tally(['policy', 'diff', 'nosuch']);
  assert.deepEqual([none.code, none.error().code], [3, 'NOT_FOUND']);
});
