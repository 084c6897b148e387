/** What is on record of a forwarded call, field by field, for each way in which it can end. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import type { Entry } from '../../../src/core/entry.ts';
import { makeAuthority } from './certificates.ts';
import { proxied, secret, startRun, via } from './program.ts';
import { readAll, type Stage, type StageOptions, stage, until } from './stage.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Everything but durations and ids, which are checked here. */
function said({ pre, post }: { pre: Entry; post: Entry }, token: string): Record<string, unknown> {
  assert.equal(pre.run_id, token.split('.')[0]);
  assert.equal(post.run_id, pre.run_id);
  assert.deepEqual(post.action, pre.action);
  assert.deepEqual(post.actor, pre.actor);
  const { decision } = pre;
  assert.match(decision?.snapshot?.hash ?? '', /^[0-9a-f]{64}$/);
  assert.equal(decision?.policy?.id, 'local');
  assert.ok((decision?.layers?.length ?? 0) > 0);
  const { durations_us, ...metadata } = post.metadata as { durations_us: Record<string, number> };
  assert.deepEqual(Object.keys(durations_us), ['audit', 'decision', 'upstream']);
  assert.ok(Object.values(durations_us).every((us) => Number.isSafeInteger(us) && us >= 0));
  const { duration_ms = -1, ...outcome } = post.outcome ?? {};
  assert.ok(duration_ms > 0);
  return {
    target: pre.action?.target,
    credentials: pre.credentials,
    decision: [decision?.outcome, decision?.reason, decision?.layer],
    outcome,
    metadata,
  };
}

async function setUp(t: Parameters<typeof stage>[0], options: StageOptions = {}) {
  const s = await stage(t, options);
  return { s, token: await startRun(s) };
}

async function ended(s: Stage, token: string): Promise<Record<string, unknown>> {
  await s.quiet();
  return said(s.pair(), token);
}

test('a call that works', async (t) => {
  const authority = makeAuthority(t);
  const { s, token } = await setUp(t, {
    config: { extraCa: [authority.ca] },
    names: () => ['127.0.0.1'],
  });
  const certificate = authority.issue('DNS:api.test');
  const up = await s.upstream(
    (req, res) => {
      void readAll(req).then(() => {
        res.writeHead(302, { Location: '/next?code=oauth' });
        res.end('moved');
      });
    },
    { tls: certificate, host: 'api.test' },
  );
  await s.vault.set('KEY', secret());
  const body = '{"amount":5}';
  const answer = await via(s, token, `${up.origin}/a/b?secret=1`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${placeholderFor(token, 'KEY')}`,
    },
    body,
  });
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.location, '/next?code=oauth');
  const fingerprint = new X509Certificate(certificate.cert).fingerprint256;
  assert.deepEqual(await ended(s, token), {
    target: {
      scheme: 'https',
      host: 'api.test',
      port: up.port,
      path: '/a/b',
      method: 'POST',
      query_hash: sha256('secret=1'),
    },
    credentials: [{ ref: 'KEY', injection_style: 'bearer', provider: 'vault' }],
    decision: ['allow', undefined, undefined],
    outcome: {
      status: 'ok',
      status_code: 302,
      bytes_in: body.length,
      bytes_out: 5,
      request_hash: sha256(body),
      result_hash: sha256('moved'),
      redacted: false,
    },
    metadata: {
      via: 'forward',
      address: '127.0.0.1',
      tls: { version: 'TLSv1.3', certificate_sha256: fingerprint.replaceAll(':', '').toLowerCase() },
      redirect: `${up.origin}/next?…`,
    },
  });
  assert.ok(!JSON.stringify(s.entries()).includes('oauth'));
});

test('a call that the policy stops', async (t) => {
  const { s, token } = await setUp(t);
  const answer = await via(s, token, 'http://elsewhere.example/x?q=1');
  assert.equal(answer.status, 403);
  assert.deepEqual(await ended(s, token), {
    target: {
      scheme: 'http',
      host: 'elsewhere.example',
      port: 80,
      path: '/x',
      method: 'GET',
      query_hash: sha256('q=1'),
    },
    credentials: undefined,
    decision: ['stop', 'empty_allowlist', 'allowlist'],
    outcome: { status: 'blocked', status_code: 403, error_kind: 'empty_allowlist' },
    metadata: { via: 'forward' },
  });
});

test('a call that its program gives up', async (t) => {
  const { s, token } = await setUp(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, { 'Content-Length': 100 });
    res.write('0123456789');
  });
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: `${up.origin}/`,
    agent: false,
    headers: { Host: new URL(up.origin).host, 'Proxy-Authorization': proxied(token) },
  });
  outgoing.on('error', () => undefined);
  outgoing.on('response', (incoming) => {
    incoming.on('error', () => undefined);
    incoming.once('data', () => outgoing.destroy());
  });
  outgoing.end();
  await until(() => s.entries().length === 2, 'the end of the call');
  assert.deepEqual(await ended(s, token), {
    target: { scheme: 'http', host: '127.0.0.1', port: up.port, path: '/', method: 'GET' },
    credentials: undefined,
    decision: ['allow', undefined, undefined],
    outcome: {
      status: 'aborted',
      status_code: 200,
      error_kind: 'client_aborted',
      error: 'the caller went away',
      bytes_in: 0,
      bytes_out: 10,
      result_hash: sha256('0123456789'),
      redacted: false,
    },
    metadata: { via: 'forward', address: '127.0.0.1' },
  });
});

test('a call whose upstream hangs up in the middle of its answer, and one that falls silent', async (t) => {
  for (const [how, kind, status] of [
    ['cut', 'connection_lost', 'error'],
    ['silent', 'upstream_timeout', 'timeout'],
  ] as const) {
    const { s, token } = await setUp(t, { config: { limits: { upstreamIdleMs: 1_000 } } });
    const up = await s.upstream((_req, res) => {
      res.writeHead(200, { 'Content-Length': 100 });
      res.write('0123456789');
      if (how === 'cut') setTimeout(() => res.destroy(), 20);
    });
    await assert.rejects(via(s, token, `${up.origin}/`));
    const { outcome, metadata } = (await ended(s, token)) as { outcome: Entry['outcome']; metadata: unknown };
    const { error, ...rest } = outcome ?? {};
    assert.match(error ?? '', /^upstream 127\.0\.0\.1 (closed the connection|fell silent in the middle)/);
    assert.deepEqual(rest, {
      status,
      status_code: 200,
      error_kind: kind,
      bytes_in: 0,
      bytes_out: 10,
      result_hash: sha256('0123456789'),
      redacted: false,
    });
    assert.deepEqual(metadata, { via: 'forward', address: '127.0.0.1' });
  }
});

test('a call whose upstream cannot prove who it is, or has no address', async (t) => {
  const { s, token } = await setUp(t, {
    names: (host) => (host === 'nowhere.test' ? Promise.reject(new Error()) : ['127.0.0.1']),
  });
  const up = await s.upstream((_req, res) => res.end(), {
    tls: makeAuthority(t).issue('DNS:api.test'),
    host: 'api.test',
  });
  await s.allow('nowhere.test');
  for (const [url, error_kind, error] of [
    [
      `${up.origin}/`,
      'tls_failed',
      /^upstream api\.test could not prove who it is \(UNABLE_TO_\w+\); .*: tally policy allow HOST --ca FILE\.pem$/,
    ],
    ['https://nowhere.test/', 'dns_failed', /^upstream nowhere\.test has no address that could be found/],
  ] as const) {
    const answer = await via(s, token, url);
    assert.equal(answer.status, 502);
    assert.match(String(answer.json().error), error);
    assert.equal(answer.json().answered_by, 'tally');
    await s.quiet();
    const [pre, post] = s.entries().slice(-2);
    assert.ok(pre !== undefined && post !== undefined);
    const { outcome, metadata } = said({ pre, post }, token) as {
      outcome: Entry['outcome'];
      metadata: unknown;
    };
    assert.equal(outcome?.status, 'error');
    assert.equal(outcome?.error_kind, error_kind);
    assert.equal(outcome?.status_code, 502);
    assert.deepEqual(metadata, { via: 'forward' });
  }
});

test('a call whose credential is not there', async (t) => {
  const { s, token } = await setUp(t);
  const up = await s.upstream((_req, res) => res.end());
  const answer = await via(s, token, `${up.origin}/`, {
    headers: { 'X-Api-Key': placeholderFor(token, 'MISSING') },
  });
  assert.equal(answer.status, 502);
  assert.match(answer.text, /secret 'MISSING' not found in keychain/);
  assert.equal(up.count(), 0);
  const { credentials, outcome } = await ended(s, token);
  assert.deepEqual(credentials, [{ ref: 'MISSING', injection_style: 'header', provider: 'vault' }]);
  assert.deepEqual(outcome, {
    status: 'error',
    status_code: 502,
    error_kind: 'credential_missing',
    error: "secret 'MISSING' not found in keychain — add it with: tally secrets set MISSING",
  });
});

test('a call with a token that is not good is asked for a better one', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => res.end());
  for (const token of ['run_nonsense', '']) assert.equal((await via(s, token, `${up.origin}/`)).status, 407);
  const answer = await via(s, 'run_nonsense', `${up.origin}/`);
  assert.match(String(answer.headers['proxy-authenticate']), /^Basic realm=/);
  assert.equal(answer.json().reason, 'token_invalid');
  await s.quiet();
  assert.equal(up.count(), 0);
  const entries = s.entries();
  assert.equal(entries.length, 6);
  for (const { phase, decision, outcome, run_id } of entries) {
    assert.equal(run_id, undefined);
    if (phase === 'pre_exec') assert.equal(decision?.reason, 'token_invalid');
    else
      assert.deepEqual(
        [outcome?.status, outcome?.status_code, outcome?.error_kind],
        ['blocked', 407, 'token_invalid'],
      );
  }
});
