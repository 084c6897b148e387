/** `tally kill` as a person runs it. */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

test('a name that nobody has is switched off, and doubted; one that somebody has is not', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  await home.tally(['agent', 'register', 'billing']);
  appendFileSync(join(home.directory, 'tally.policy.yaml'), 'tools: { refund.create: {} }\n');
  const on = (scope: string) => home.tally(['kill', 'on', '--scope', scope, '--reason', 'odd']);
  for (const [scope, doubt] of [
    ['agent:biling', /no agent biling is registered or in the policy/],
    ['agent:billing', /^$/],
    ['tool:refund.creat', /the policy names no tool refund\.creat:/],
    ['tool:refund.create', /^$/],
  ] as const) {
    const { code, stdout, stderr } = await on(scope);
    assert.deepEqual([code, stdout], [0, `${scope} is switched off from the next call on\n`]);
    assert.match(/^warning: .*$/m.exec(stderr)?.[0] ?? '', doubt, scope);
  }
});

test('a scope that there is not says which there are, and that nothing happened', async (t) => {
  const done = await makeHome(t).tally(['kill', 'on', '--scope', 'agents:billing', '--reason', 'odd']);
  assert.equal(done.code, 2);
  assert.match(done.error().message, /no scope agents:billing, and nothing was switched/);
  assert.match(done.error().hint ?? '', /agent:NAME/);
});
