/**
 * Every status that the broker answers with by itself, its body, and what is on record of it; and what the published
 * clients of AgentSecrets make of it, by the rules of their own sources (the Python SDK 2.0.0 and the JavaScript SDK
 * 0.1.0 speak to /proxy; the Python SDK 3.0.0 starts the command, see test/cli/install.test.ts).
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { LogStore } from '../../../src/core/ports.ts';
import { type Answer, echo, type Stage, type StageOptions, stage, type Upstream } from './stage.ts';

interface Scene {
  readonly s: Stage;
  readonly up: Upstream;
  ask(headers: Record<string, string>): Promise<Answer>;
}

async function scene(t: TestContext, rest = '', options: StageOptions = {}): Promise<Scene> {
  const s = await stage(t, options);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  await s.policy(`version: "2"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${up.port}, http: true, internal: true }]
${rest}`);
  return {
    s,
    up,
    ask: (headers) =>
      s.call({ headers: { 'X-AS-Target-URL': `${up.origin}/x`, 'X-AS-Inject-Bearer': 'KEY', ...headers } }),
  };
}

type Kind =
  | { readonly is: 'SecretNotFound'; readonly key: string | undefined }
  | { readonly is: 'DomainNotAllowed'; readonly domain: string }
  | { readonly is: 'Upstream' | 'Other' };

/** `mapProxyError` of the JavaScript SDK. It cuts the body at 500 characters before it parses it. */
function javascript({ status, text }: Answer): Kind {
  const body = text.length > 500 ? `${text.slice(0, 500)}…` : text;
  const data = JSON.parse(body) as Record<string, unknown>;
  const error = data.error ?? data.message;
  assert.equal(typeof error, 'string', 'it reads a string');
  if (
    status === 403 &&
    (body.toLowerCase().includes('allowlist') || body.includes('domain_not_in_allowlist'))
  )
    return { is: 'DomainNotAllowed', domain: String(data.domain ?? data.message ?? error) };
  if (status < 500) return { is: 'Other' };
  if (status === 502 && String(error).toLowerCase().includes('not found in keychain'))
    return { is: 'SecretNotFound', key: /secret '([^']+)'/.exec(String(error))?.[1] };
  return { is: 'Upstream' };
}

/** `_map_proxy_error` of the Python SDK 2.0.0: each 403 is about a domain. */
function python({ status, text }: Answer): Kind {
  const data = JSON.parse(text) as Record<string, unknown>;
  const error = String(data.error ?? data.message ?? text);
  if (status === 403) return { is: 'DomainNotAllowed', domain: String(data.domain ?? error) };
  if (status !== 502) return { is: 'Other' };
  if (error.toLowerCase().includes('not found in keychain'))
    return { is: 'SecretNotFound', key: /secret '([^']+)'/.exec(error)?.[1] };
  return { is: 'Upstream' };
}

const keysOf = (answer: Answer): readonly string[] => Object.keys(answer.json()).sort();

test('400: what cannot be meant, in words', async (t) => {
  const { s } = await scene(t);
  const none = await s.call({ headers: { 'X-AS-Target-URL': 'https://api.example/' } });
  assert.deepEqual([none.status, keysOf(none)], [400, ['error', 'reason']]);
  assert.match(String(none.json().error), /^At least one X-AS-Inject-\* header is required/);
  const lost = await s.call({ headers: { 'X-AS-Inject-Bearer': 'KEY' } });
  assert.deepEqual([lost.status, lost.json().error], [400, 'X-AS-Target-URL header is required']);
  for (const answer of [none, lost])
    assert.deepEqual([javascript(answer).is, python(answer).is], ['Other', 'Other']);
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ phase, outcome }) => [phase, outcome?.status_code, outcome?.error_kind]),
    [
      ['point', 400, 'bad_request'],
      ['point', 400, 'bad_request'],
    ],
  );
});

test('401: a token that is not one of ours, on record as a stop', async (t) => {
  const { s, ask, up } = await scene(t);
  const answer = await ask({ 'X-AS-Agent-ID': 'bot', 'X-AS-Agent-Token': 'OTHER_TOKEN' });
  assert.deepEqual([answer.status, keysOf(answer)], [401, ['domain', 'error', 'message', 'reason']]);
  assert.equal(answer.json().reason, 'token_invalid');
  assert.deepEqual([javascript(answer).is, python(answer).is, up.count()], ['Other', 'Other', 0]);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.deepEqual([pre.decision?.reason, post.outcome?.status_code], ['token_invalid', 401]);
});

test('a token that a client made of the name of its agent is none: the call is declared', async (t) => {
  const { s, ask, up } = await scene(t);
  // As the Python SDK 2.0.0 does with agent_id="bot" and no token.
  assert.equal((await ask({ 'X-AS-Agent-ID': 'bot', 'X-AS-Agent-Token': 'BOT_TOKEN' })).status, 200);
  for (const token of ['bot_TOKEN', 'BOT_TOKEN2', 'B_TOKEN', 'agt_BOT_TOKEN'])
    assert.equal((await ask({ 'X-AS-Agent-ID': 'bot', 'X-AS-Agent-Token': token })).status, 401, token);
  assert.equal((await ask({ 'X-AS-Agent-Token': 'BOT_TOKEN' })).status, 401);
  assert.equal(up.count(), 1);
  await s.quiet();
  const [first] = s.entries();
  assert.deepEqual([first?.actor?.agent_id, first?.actor?.identity_level], ['bot', 'declared']);
});

test('403: stopped, with the code, the domain, and words for a person', async (t) => {
  const { s, ask, up } = await scene(t);
  const answer = await ask({ 'X-AS-Target-URL': 'https://api.other.example/v1/x?secret=1' });
  assert.equal(answer.status, 403);
  const { message, ...rest } = answer.json();
  assert.deepEqual(rest, {
    error: 'domain_not_in_allowlist',
    domain: 'api.other.example',
    reason: 'domain_not_in_allowlist',
  });
  assert.match(String(message), /api\.other\.example/);
  assert.ok(answer.text.length < 500, 'the JavaScript SDK cuts it there before it parses it');
  const told = { is: 'DomainNotAllowed', domain: 'api.other.example' };
  assert.deepEqual([javascript(answer), python(answer), up.count()], [told, told, 0]);
  assert.equal(answer.headers['x-tally-reason'], 'domain_not_in_allowlist');
  await s.quiet();
  assert.equal(answer.headers['x-tally-entry'], s.pair().pre.id);
  await s.policy('version: "3"\nidentity: { anonymous: allow, declared: allow }\nallowlist: []\n');
  assert.deepEqual((await ask({})).json().error, 'empty_allowlist');
});

test('403 and 202: a call that waits for a person has the id to ask with; 202 only for who prefers it', async (t) => {
  const { s, ask, up } = await scene(
    t,
    `credentials: { KEY: { hosts: [127.0.0.1], methods: { GET: approval_required } } }
approvals: { ttl: 10m, hold: 0s }
`,
  );
  const answer = await ask({});
  assert.equal(answer.status, 403);
  assert.deepEqual(keysOf(answer), ['approval_id', 'domain', 'error', 'expires_at', 'message', 'reason']);
  assert.deepEqual(
    [answer.json().error, answer.json().reason],
    ['policy_approval_required', 'policy_approval_required'],
  );
  const accepted = await ask({ Prefer: 'respond-async' });
  assert.deepEqual([accepted.status, keysOf(accepted)], [202, keysOf(answer)]);
  for (const prefer of ['wait=10', 'respond-asynchronously', 'return=minimal'])
    assert.equal((await ask({ Prefer: prefer })).status, 403, prefer);
  assert.equal(up.count(), 0);
  await s.quiet();
  const waiting = s.entries('approval.request').map(({ id }) => id);
  assert.ok(waiting.includes(String(answer.json().approval_id)));
});

test('429: too many calls, and when to come back', async (t) => {
  const { ask, s, up } = await scene(t, 'limits: { global: 2/60s }\n');
  await ask({});
  await ask({});
  const answer = await ask({});
  assert.equal(answer.status, 429);
  assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
  assert.match(String(answer.json().reason), /^(rate_limited_|burst_limited)/);
  assert.deepEqual([javascript(answer).is, python(answer).is, up.count()], ['Other', 'Other', 2]);
  await s.quiet();
  assert.equal(s.entries().at(-1)?.outcome?.status_code, 429);
});

test('502: a missing credential in the words that clients look for, and an upstream that is not there', async (t) => {
  const { s, ask, up } = await scene(t);
  const missing = await ask({ 'X-AS-Inject-Bearer': 'STRIPE_KEY' });
  assert.equal(missing.status, 502);
  assert.match(String(missing.json().error), /secret 'STRIPE_KEY' not found in keychain/);
  const told = { is: 'SecretNotFound', key: 'STRIPE_KEY' };
  assert.deepEqual([javascript(missing), python(missing)], [told, told]);
  await new Promise<void>((resolve) => {
    up.server.close(() => resolve());
  });
  const refused = await ask({});
  assert.deepEqual(
    [refused.status, javascript(refused).is, python(refused).is],
    [502, 'Upstream', 'Upstream'],
  );
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ phase, outcome }) => [phase, outcome?.status_code, outcome?.error_kind]),
    [
      ['pre_exec', undefined, undefined],
      ['post_exec', 502, 'credential_missing'],
      ['pre_exec', undefined, undefined],
      ['post_exec', 502, 'connect_failed'],
    ],
  );
});

test('503: a log that cannot be written stops the call, and health says so', async (t) => {
  let failing = false;
  const wrapStore = (store: LogStore): LogStore => ({
    ...store,
    append: (...args) => (failing ? Promise.reject(new Error('disk')) : store.append(...args)),
  });
  const { s, ask, up } = await scene(t, '', { wrapStore });
  const health = await s.call({ path: '/health' });
  assert.deepEqual([health.status, health.json().status], [200, 'ok']);
  assert.equal(typeof health.json().project, 'string');
  assert.match(String(health.headers['content-type']), /^application\/json/);
  failing = true;
  const answer = await ask({});
  assert.deepEqual([answer.status, answer.json().reason], [503, 'audit_unavailable']);
  assert.match(String(answer.headers['retry-after']), /^\d+$/);
  assert.deepEqual([javascript(answer).is, up.count()], ['Upstream', 0]);
  assert.equal((await s.call({ path: '/health' })).status, 503);
});

test('an upstream’s own 403 and 502 are passed on as they are, and carry no reason of ours', async (t) => {
  const { s } = await scene(t);
  for (const status of [401, 403, 429, 502]) {
    const up = await s.upstream((_request, response) => {
      response.writeHead(status, { 'x-tally-reason': 'domain_not_in_allowlist', 'retry-after': '7' });
      response.end('{"error":{"message":"no"}}');
    });
    const answer = await s.get(`${up.origin}/`);
    assert.deepEqual(
      [answer.status, answer.text, answer.headers['x-tally-reason'], answer.headers['retry-after']],
      [status, '{"error":{"message":"no"}}', undefined, '7'],
    );
  }
});
