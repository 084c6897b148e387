/** Calls of programs that use the broker as their HTTP proxy, in absolute form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { bind, type Echoed, listening, secret, startRun, via } from './program.ts';
import { type CallOptions, echo, stage } from './stage.ts';

test('a call without any credential goes through as it is, on record with the run it belongs to', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  const answer = await via(s, token, `${origin}/a/b?x='1'&y=%7e`, {
    method: 'POST',
    body: 'hello',
    headers: { 'X-Own': 'mine', 'Accept-Encoding': 'gzip', Authorization: 'Bearer of-the-program' },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.text, 'fine');
  const [got] = seen;
  assert.equal(got?.url, "/a/b?x='1'&y=%7e");
  assert.equal(got?.method, 'POST');
  assert.equal(got?.body, 'hello');
  assert.equal(got?.headers['x-own'], 'mine');
  assert.equal(got?.headers['accept-encoding'], 'gzip');
  assert.equal(got?.headers.authorization, 'Bearer of-the-program');
  assert.ok(!got?.raw.some((name) => /^(proxy-|x-as-|traceparent)/i.test(name)), got?.raw.join());
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.run_id, token.split('.')[0]);
  assert.equal(pre.credentials, undefined);
  assert.equal(pre.action?.target?.path, '/a/b');
  assert.equal(post.metadata?.via, 'forward');
});

test('a placeholder is replaced where it stands, and nothing else changes', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  const value = 'k&y "sl\\ash" é=+';
  await s.vault.set('KEY', value);
  await s.vault.set('PLAIN', 'sk_plain-value');
  await bind(s, origin, 'KEY', 'PLAIN');
  const plain = placeholderFor(token, 'PLAIN');
  const key = placeholderFor(token, 'KEY');
  const call = async (url: string, options: CallOptions) => {
    const answer = await via(s, token, `${origin}${url}`, options);
    assert.equal(answer.status, 200, answer.text);
    return seen.at(-1) as Echoed;
  };
  const header = (text: string, name = 'Authorization') => ({ headers: { [name]: text } });
  assert.equal((await call('/', header(`Bearer ${plain}`))).headers.authorization, 'Bearer sk_plain-value');
  assert.equal((await call('/', header(`token ${plain}`))).headers.authorization, 'token sk_plain-value');
  assert.equal(
    (await call('/', header(`a=1; s=${plain}; b=2`, 'Cookie'))).headers.cookie,
    'a=1; s=sk_plain-value; b=2',
  );
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  assert.equal((await call('/', header(basic(`${key}:`)))).headers.authorization, basic(`${value}:`));
  assert.equal((await call('/', header(basic(`me:${key}`)))).headers.authorization, basic(`me:${value}`));
  const query = await call(`/q?a='1'&key=${encodeURIComponent(key)}&b=%7e&raw=${plain}`, {});
  assert.equal(query.url, `/q?a='1'&key=${encodeURIComponent(value)}&b=%7e&raw=sk_plain-value`);
  const json = await call('/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: `{ "n": 9007199254740993,\n "deep": [ { "auth" : "Key ${key}!" } ], "é":"${plain}" }`,
  });
  assert.equal(
    json.body,
    `{ "n": 9007199254740993,\n "deep": [ { "auth" : "Key ${JSON.stringify(value).slice(1, -1)}!" } ], "é":"sk_plain-value" }`,
  );
  const form = await call('/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: `grant=x&client_secret=${encodeURIComponent(key)}&z=+`,
  });
  assert.equal(form.body, `grant=x&client_secret=${encodeURIComponent(value)}&z=+`);
  const called = await call('/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: `{"curl -d":"${key}"}`,
  });
  assert.equal(called.body, `{"curl -d":${JSON.stringify(value)}}`);
  await s.quiet();
  assert.deepEqual(
    s
      .entries()
      .filter(({ phase }) => phase === 'pre_exec')
      .map(({ credentials = [] }) =>
        credentials.map(({ ref, injection_style }) => `${ref} ${injection_style}`).join(),
      ),
    [
      'PLAIN bearer',
      'PLAIN header',
      'PLAIN header',
      'KEY basic',
      'KEY basic',
      'KEY query,PLAIN query',
      'KEY body,PLAIN body',
      'KEY form',
      'KEY body',
    ],
  );
});

test('a placeholder that must not be replaced stops the call, and the record says which', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  const other = await startRun(s);
  await s.vault.set('KEY', secret());
  const foreign = placeholderFor(other, 'KEY');
  const refused = async (url: string, options: CallOptions) => {
    const answer = await via(s, token, `${origin}${url}`, options);
    assert.equal(answer.status, 403, answer.text);
    return answer.json();
  };
  const auth = await refused('/', { headers: { Authorization: `Bearer ${foreign}` } });
  assert.equal(auth.error, 'placeholder_invalid');
  assert.match(
    String(auth.message),
    /"KEY" in the header authorization is not replaced: it is not of this run/,
  );
  await refused(`/?key=${foreign}`, {});
  await refused('/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: `{"k":"${foreign}"}`,
  });
  assert.equal((await refused(`/bot${placeholderFor(token, 'KEY')}/x`, {})).error, 'placeholder_misplaced');
  await s.quiet();
  const entries = s.entries();
  assert.deepEqual(
    entries.map(({ phase, outcome }) => [phase, outcome?.status, outcome?.error_kind, outcome?.status_code]),
    [
      ['point', 'blocked', 'placeholder_invalid', 403],
      ['point', 'blocked', 'placeholder_invalid', 403],
      ['point', 'blocked', 'placeholder_invalid', 403],
      ['point', 'blocked', 'placeholder_misplaced', 403],
    ],
  );
  assert.equal(seen.length, 0);
});

test('an echo of the credential is taken out of the answer', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const token = await startRun(s);
  const value = secret();
  await s.vault.set('KEY', value);
  const answer = await via(s, token, `${up.origin}/`, {
    headers: { Authorization: `Bearer ${placeholderFor(token, 'KEY')}`, 'Accept-Encoding': 'gzip' },
  });
  assert.equal(answer.headers['x-as-redacted'], 'true');
  assert.ok(!answer.text.includes(value));
  assert.ok(answer.text.includes('[REDACTED:KEY]'), answer.text);
  const { headers } = answer.json() as unknown as Echoed;
  assert.equal(headers['accept-encoding'], 'identity');
});
