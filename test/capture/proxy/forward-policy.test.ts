/** What the policy says of forwarded calls, and how that is told to a program and to whoever reads its terminal. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { secret, startRun, via } from './program.ts';
import { type Answer, type CallOptions, type Stage, type StageOptions, stage } from './stage.ts';

interface Scene {
  readonly s: Stage;
  readonly token: string;
  readonly origin: string;
  readonly count: () => number;
  readonly call: (path: string, options?: CallOptions) => Promise<Answer>;
}

/** An upstream behind a policy with `line` for it in the allowlist, and `rest` after that. */
async function scene(t: TestContext, line: string, rest = '', options: StageOptions = {}): Promise<Scene> {
  const s = await stage(t, options);
  const up = await s.upstream((req, res) => {
    req.resume();
    res.end('done');
  });
  await s.vault.set('KEY', secret());
  await s.policy(`version: "2"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${up.port}, http: true, internal: true${line} }]
${rest}`);
  const token = await startRun(s);
  return {
    s,
    token,
    origin: up.origin,
    count: up.count,
    call: (path, call) => via(s, token, `${up.origin}${path}`, call),
  };
}

test('methods and paths of the allowlist bound a program too', async (t) => {
  const { call, count } = await scene(t, ', methods: [GET], paths: ["/v1/**"]');
  assert.equal((await call('/v1/things')).status, 200);
  for (const [path, method, reason] of [
    ['/v1/things', 'POST', 'method_not_allowed'],
    ['/v2/things', 'GET', 'path_not_allowed'],
    ['/v1/../v2/things', 'GET', 'path_not_allowed'],
    ['/v1/%2e%2e/v2/things', 'GET', 'path_not_allowed'],
  ] as const) {
    const answer = await call(path, { method });
    assert.equal(answer.status, 403, path);
    assert.equal(answer.json().reason, reason, path);
  }
  assert.equal(count(), 1);
});

test('a placeholder goes only where its credential may go, in the ways that it may', async (t) => {
  const { s, token, call, count } = await scene(
    t,
    '',
    `credentials:
  KEY: { hosts: [api.elsewhere.example] }
  HEADER: { hosts: [127.0.0.1], styles: [header], methods: { GET: allow, POST: approval_required } }
approvals: { hold: 0s }
`,
  );
  await s.vault.set('HEADER', secret());
  const key = placeholderFor(token, 'KEY');
  const header = placeholderFor(token, 'HEADER');
  const json = (value: string) => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token: value }),
  });
  for (const options of [
    { headers: { 'X-Key': key } },
    { headers: { Cookie: `a=${key}` } },
    json(key),
    json(header),
    { headers: { Authorization: `Bearer ${header}` } },
  ]) {
    const answer = await call('/', options);
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json().reason, 'credential_not_allowed');
  }
  assert.equal(count(), 0);
  assert.equal((await call('/', { headers: { 'X-Key': header } })).status, 200);
  const asked = await call('/', { method: 'POST', headers: { 'X-Key': header } });
  assert.equal(asked.status, 403);
  assert.equal(asked.json().error, 'policy_approval_required');
  assert.equal(asked.json().approve, `tally approvals approve ${asked.json().approval_id}`);
  assert.equal(asked.json().see, `tally log show ${asked.headers['x-tally-entry']}`);
  // For a person: a line for each thing that is said.
  assert.match(asked.text, /^\{\n {2}"error": "policy_approval_required",\n/);
  const prefers = await call('/', { method: 'POST', headers: { 'X-Key': header, Prefer: 'respond-async' } });
  assert.equal(prefers.status, 403);
  assert.equal(count(), 1);
});

test('into a body a credential goes only where the policy says for which hosts it is', async (t) => {
  const { s, token, call, count } = await scene(t, '');
  const key = placeholderFor(token, 'KEY');
  for (const [type, body] of [
    ['application/json', JSON.stringify({ title: 'help', body: `my environment: KEY=${key}` })],
    ['application/x-www-form-urlencoded', `text=${key}`],
  ] as const) {
    const answer = await call('/', { method: 'POST', headers: { 'Content-Type': type }, body });
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json().reason, 'placeholder_unbound');
    assert.match(String(answer.json().message), /credentials: \{ "KEY": \{ hosts: \[127\.0\.0\.1\] \} \}/);
  }
  const phrase = await call(`/search?q=what+is+${key}`);
  assert.equal(phrase.json().reason, 'placeholder_unbound');
  assert.equal(count(), 0);
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ outcome, credentials }) => [outcome?.error_kind, credentials]),
    [
      ['placeholder_unbound', undefined],
      ['placeholder_unbound', undefined],
      ['placeholder_unbound', undefined],
    ],
  );
  assert.equal((await call(`/?a=1&key=${key}&b=2`)).status, 200);
  assert.equal((await call('/', { headers: { 'X-Key': key } })).status, 200);
});

test('over a limit a program is told when to come back', async (t) => {
  const { call } = await scene(t, '', 'limits: { per_tenant: 2/1h }');
  assert.equal((await call('/')).status, 200);
  assert.equal((await call('/')).status, 200);
  const limited = await call('/');
  assert.equal(limited.status, 429);
  assert.ok(Number(limited.headers['retry-after']) > 0);
  assert.equal(limited.json().reason, 'rate_limited_tenant');
});

test('a policy that wants to know who calls asks for it as a proxy does', async (t) => {
  const { s, origin, count } = await scene(t, '');
  await s.policy('version: "3"\nidentity: { anonymous: stop, declared: stop }\nallowlist: []\n');
  const answer = await s.call({ path: `${origin}/`, headers: { Host: new URL(origin).host } });
  assert.equal(answer.status, 407);
  assert.match(String(answer.headers['proxy-authenticate']), /^Basic /);
  assert.equal(count(), 0);
});
