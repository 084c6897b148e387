/** What callers get and what the log says, for each way a call can go. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { mintToken, TOKEN_RANDOM_BYTES } from '../../../src/core/identity/token.ts';
import { echo, type Stage, stage } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Neither the value nor a usual encoding of it stands anywhere in the log. */
function assertNotInLog(s: Stage, value: string): void {
  const log = Buffer.concat([...s.box.disk.segments.values()]).toString('utf8');
  for (const form of [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('hex'),
  ])
    assert.ok(!log.includes(form));
}

test('all six styles reach the upstream, and no control header does', async (t) => {
  const s = await stage(t);
  let got: { url: string; headers: Record<string, string>; raw: string[]; body: string } | undefined;
  const up = await s.upstream((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      got = {
        url: req.url ?? '',
        headers: req.headers as Record<string, string>,
        raw: req.rawHeaders,
        body: Buffer.concat(chunks).toString(),
      };
      res.end('fine');
    });
  });
  const value = secret();
  await s.vault.set('KEY', value);
  await s.vault.set('PAIR', `user:${value}`);
  const call = async (headers: Record<string, string>, body?: string, method = 'POST') => {
    const answer = await s.call({
      method,
      headers: {
        'X-AS-Target-URL': `${up.origin}/x?a=1`,
        'X-AS-Agent-ID': 'me',
        Accept: 'text/plain',
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(got);
    assert.ok(!got.raw.some((name) => /^x-as-|^x-tally-/i.test(name)), got.raw.join());
    assert.equal(got.headers.accept, 'text/plain');
    assert.equal(got.headers.host, new URL(up.origin).host);
    return got;
  };
  assert.equal((await call({ 'X-AS-Inject-Bearer': 'KEY' })).headers.authorization, `Bearer ${value}`);
  assert.equal(
    (await call({ 'X-AS-Inject-Basic': 'PAIR', Authorization: 'Bearer mine' })).headers.authorization,
    `Basic ${Buffer.from(`user:${value}`).toString('base64')}`,
  );
  assert.equal((await call({ 'X-AS-Inject-Header-X-Api-Key': 'KEY' })).headers['x-api-key'], value);
  assert.equal((await call({ 'X-AS-Inject-Query-key': 'KEY' }, undefined, 'GET')).url, `/x?a=1&key=${value}`);
  const json = await call(
    { 'X-AS-Inject-Body-auth-token': 'KEY', 'Content-Type': 'application/json; charset=utf-8' },
    '{"amount": 5}',
  );
  assert.deepEqual(JSON.parse(json.body), { amount: 5, auth: { token: value } });
  assert.equal(json.headers['content-length'], String(json.body.length));
  const form = await call(
    { 'X-AS-Inject-Form-password': 'KEY', 'Content-Type': 'application/x-www-form-urlencoded' },
    'user=me&password=old',
  );
  assert.equal(form.body, `user=me&password=${value}`);
  await s.quiet();
  assert.deepEqual(
    s
      .entries()
      .filter(({ phase }) => phase === 'pre_exec')
      .map(({ credentials }) => credentials?.[0]?.injection_style),
    ['bearer', 'basic', 'header', 'query', 'body', 'form'],
  );
  assertNotInLog(s, value);
});

test('a call is two entries that say what went out and what came back, without any content', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    req.resume();
    res.writeHead(201, { 'Content-Type': 'text/plain', 'X-Custom': 'kept', 'Set-Cookie': ['a=1', 'b=2'] });
    res.end('created');
  });
  await s.vault.set('KEY', secret());
  const body = JSON.stringify({ note: 'the body of the request' });
  const answer = await s.call({
    method: 'POST',
    headers: {
      'X-AS-Target-URL': `${up.origin}/v1/things?q=needle`,
      'X-AS-Inject-Bearer': 'KEY',
      'X-AS-Agent-ID': 'billing-tool',
      'Content-Type': 'application/json',
      'X-Header': 'haystack',
    },
    body,
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.text, 'created');
  assert.equal(answer.headers['x-custom'], 'kept');
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(answer.headers['content-length'], '7');
  assert.equal(answer.headers['x-as-redacted'], undefined);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(answer.headers['x-tally-entry'], pre.id);
  assert.deepEqual(pre.action?.target, {
    scheme: 'http',
    host: '127.0.0.1',
    port: up.port,
    path: '/v1/things',
    method: 'POST',
    query_hash: sha256('q=needle'),
  });
  assert.match(pre.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
  assert.deepEqual(pre.actor, {
    agent_id: 'billing-tool',
    identity_level: 'declared',
    delegation_chain: [],
  });
  assert.deepEqual(pre.quality, { 'actor.agent_id': 'asserted' });
  assert.deepEqual(pre.credentials, [{ ref: 'KEY', injection_style: 'bearer', provider: 'vault' }]);
  assert.equal(pre.decision?.outcome, 'allow');
  assert.equal(pre.source.surface, 'proxy');
  assert.equal(pre.source.assurance, 'enforced');
  assert.equal(post.decision, undefined);
  const { duration_ms, ...outcome } = post.outcome ?? { status: 'unknown' };
  assert.ok(typeof duration_ms === 'number' && duration_ms > 0);
  assert.deepEqual(outcome, {
    status: 'ok',
    status_code: 201,
    bytes_in: body.length,
    bytes_out: 7,
    request_hash: sha256(body),
    result_hash: sha256('created'),
    redacted: false,
  });
  assert.equal(post.metadata?.address, '127.0.0.1');
  assert.deepEqual(Object.keys(post.metadata?.durations_us ?? {}).sort(), ['audit', 'decision', 'upstream']);
  const log = JSON.stringify(s.entries());
  for (const content of ['needle', 'haystack', 'the body of', 'created"', 'kept'])
    assert.ok(!log.includes(content), content);
});

test('a host outside the allowlist is a 403 that names code and domain, and nothing is looked up or sent', async (t) => {
  const asked: string[] = [];
  const s = await stage(t, {
    names(host) {
      asked.push(host);
      return ['127.0.0.1'];
    },
  });
  await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const answer = await s.get('https://exfil.attacker.example/x');
  assert.equal(answer.status, 403);
  const body = answer.json();
  assert.equal(body.error, 'domain_not_in_allowlist');
  assert.equal(body.reason, 'domain_not_in_allowlist');
  assert.equal(body.domain, 'exfil.attacker.example');
  assert.equal(typeof body.message, 'string');
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.decision?.outcome, 'stop');
  assert.equal(pre.decision?.layer, 'allowlist');
  assert.equal(post.outcome?.status, 'blocked');
  assert.equal(post.outcome?.status_code, 403);
  assert.equal(post.outcome?.error_kind, 'domain_not_in_allowlist');
  assert.deepEqual(asked, []);
});

test('plain http to a host that is not marked so is stopped', async (t) => {
  const s = await stage(t);
  await s.allow('api.example.com:443');
  await s.vault.set('KEY', secret());
  const answer = await s.get('http://api.example.com:443/');
  assert.equal(answer.status, 403);
  assert.equal(answer.json().error, 'non_https_blocked');
});

test('a token that is not one of ours is a 401 on record', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const { token } = mintToken('agent', new Uint8Array(randomBytes(TOKEN_RANDOM_BYTES)), Date.now());
  for (const header of ['X-AS-Agent-Token', 'X-AS-Session-Token']) {
    const answer = await s.get(`${up.origin}/`, { [header]: token });
    assert.equal(answer.status, 401);
    assert.equal(answer.json().reason, 'token_invalid');
    assert.equal(typeof answer.json().error, 'string');
  }
  await s.quiet();
  assert.equal(up.count(), 0);
  const [pre, post] = s.entries();
  assert.equal(pre?.decision?.reason, 'token_invalid');
  assert.equal(post?.outcome?.status, 'blocked');
  assert.equal(post?.outcome?.status_code, 401);
  assertNotInLog(s, token);
  assertNotInLog(s, token.slice(-20));
});

test('an issued token and a run token make the identity, the run and the agent of both entries', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => res.end());
  await s.vault.set('KEY', secret());
  const producer = { surface: 'cli', assurance: 'enforced' } as const;
  const agent = mintToken('agent', new Uint8Array(randomBytes(TOKEN_RANDOM_BYTES)), s.recorder.now());
  const run = mintToken('run', new Uint8Array(randomBytes(TOKEN_RANDOM_BYTES)), s.recorder.now());
  await s.recorder.record(
    {
      type: 'agent.register',
      phase: 'point',
      metadata: { agent_id: 'billing-tool' },
      outcome: { status: 'ok' },
    },
    producer,
  );
  await s.recorder.record(
    {
      type: 'token.issue',
      phase: 'point',
      metadata: {
        kind: 'agent',
        agent_id: 'billing-tool',
        token_id: agent.id,
        token_hash: agent.hash,
        project_id: 'web',
      },
      outcome: { status: 'ok' },
    },
    producer,
  );
  await s.recorder.record(
    {
      type: 'run.start',
      phase: 'point',
      run_id: run.id,
      metadata: { token_id: run.id, token_hash: run.hash },
    },
    producer,
  );
  const answer = await s.get(`${up.origin}/`, {
    'X-AS-Agent-Token': agent.token,
    'X-AS-Session-Token': run.token,
  });
  assert.equal(answer.status, 200, answer.text);
  await s.quiet();
  for (const entry of Object.values(s.pair())) {
    assert.deepEqual(entry.actor, {
      agent_id: 'billing-tool',
      identity_level: 'issued',
      delegation_chain: [],
      agent_token_id: agent.id,
    });
    assert.equal(entry.run_id, run.id);
    assert.equal(entry.project_id, 'web');
    assert.equal(entry.quality, undefined);
  }
});

test('a missing credential is a 502 in the words that published clients look for, and nothing is sent', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const answer = await s.get(`${up.origin}/`);
  assert.equal(answer.status, 502);
  assert.match(answer.text, /secret 'KEY' not found in keychain/);
  assert.match(String(answer.json().error), /secret 'KEY' not found in keychain/);
  assert.equal(answer.json().reason, 'credential_missing');
  await s.quiet();
  assert.equal(up.count(), 0);
  const { post } = s.pair();
  assert.equal(post.outcome?.status, 'error');
  assert.equal(post.outcome?.error_kind, 'credential_missing');
});

test('a value that cannot be used is a 502 that does not quote it', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const value = `${secret()}\n`;
  await s.vault.set('KEY', value);
  const answer = await s.get(`${up.origin}/`);
  assert.equal(answer.status, 502);
  assert.equal(answer.json().reason, 'credential_unusable');
  assert.ok(!answer.text.includes(value.trim()));
  await s.quiet();
  assert.equal(up.count(), 0);
  assert.equal(s.pair().post.outcome?.error_kind, 'credential_unusable');
  assertNotInLog(s, value.trim());
});

test('an upstream’s own errors are passed on and are a call that worked', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(503, { 'Retry-After': '7' });
    res.end('{"message":"later"}');
  });
  await s.vault.set('KEY', secret());
  const answer = await s.get(`${up.origin}/`);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers['retry-after'], '7');
  await s.quiet();
  assert.equal(s.pair().post.outcome?.status, 'ok');
  assert.equal(s.pair().post.outcome?.status_code, 503);
});

test('a redirect goes back to the caller, is not followed, and is on record without its query', async (t) => {
  const s = await stage(t);
  const other = await s.upstream(echo);
  const up = await s.upstream((_req, res) => {
    res.writeHead(302, { Location: `${other.origin}/next?code=oauth-code` });
    res.end();
  });
  await s.vault.set('KEY', secret());
  const answer = await s.get(`${up.origin}/`);
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.location, `${other.origin}/next?code=oauth-code`);
  await s.quiet();
  assert.equal(other.count(), 0);
  assert.equal(s.pair().post.metadata?.redirect, `${other.origin}/next?…`);
  assert.ok(!JSON.stringify(s.pair()).includes('oauth-code'));
});

test('an upstream that cannot be reached is a 502 and an error on record', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await new Promise((resolve) => up.server.close(resolve));
  await s.vault.set('KEY', secret());
  const answer = await s.get(`${up.origin}/`);
  assert.equal(answer.status, 502);
  assert.match(String(answer.json().error), /upstream 127\.0\.0\.1 refused the connection \(ECONNREFUSED\)/);
  await s.quiet();
  const { post } = s.pair();
  assert.equal(post.outcome?.status, 'error');
  assert.equal(post.outcome?.error_kind, 'connect_failed');
  assert.equal(post.outcome?.status_code, 502);
});

test('a name that does not resolve is a 502 and an error on record, after an allowing decision', async (t) => {
  const s = await stage(t);
  await s.allow('nowhere.example');
  await s.vault.set('KEY', secret());
  const answer = await s.get('https://nowhere.example/');
  assert.equal(answer.status, 502);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.decision?.outcome, 'allow');
  assert.equal(post.outcome?.error_kind, 'dns_failed');
});

test('health tells project, status, version and origin', async (t) => {
  const s = await stage(t, { config: { project: 'web' } });
  const answer = await s.call({ path: '/health' });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json(), {
    status: 'ok',
    project: 'web',
    version: '0.0.0-test',
    origin: 'test.example/local',
  });
});

test('a secret that another process changed is used in its new form by the next call', async (t) => {
  const s = await stage(t);
  const seen: (string | undefined)[] = [];
  const up = await s.upstream((req, res) => {
    seen.push(req.headers.authorization);
    res.end(`echo ${req.headers.authorization}`);
  });
  const [first, second] = [secret(), secret()];
  await s.vault.set('KEY', first);
  assert.ok(!(await s.get(up.origin)).text.includes(first));
  await s.vault.set('KEY', second);
  assert.ok(!(await s.get(up.origin)).text.includes(second));
  await s.vault.delete('KEY');
  assert.equal((await s.get(up.origin)).status, 502);
  assert.deepEqual(seen, [`Bearer ${first}`, `Bearer ${second}`]);
});

test('many calls at once each get their own answer', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    setTimeout(() => res.end(req.url), Math.random() * 20);
  });
  await s.vault.set('KEY', secret());
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => s.get(`${up.origin}/${i}`)));
  for (const [i, answer] of answers.entries()) assert.equal(answer.text, `/${i}`);
  await s.quiet();
  assert.equal(s.entries().length, 400);
  assert.equal(s.broker.stats().lostEntries, 0);
});
