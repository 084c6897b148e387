/** Where a connection really goes, and who is at the other end. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createUpstreams } from '../../../src/capture/proxy/upstream.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import { echo, stage } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');
let authority: Authority;
const cleanups: (() => void)[] = [];
before(() => {
  authority = makeAuthority({ after: (fn) => cleanups.push(fn) });
});
process.on('exit', () => {
  for (const cleanup of cleanups) cleanup();
});

test('a verified connection shows its version and the fingerprint of its own certificate', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { extraCa: [authority.ca] } });
  const certificate = authority.issue('DNS:api.upstream.test');
  let servername: unknown;
  let host: unknown;
  const up = await s.upstream(
    (req, res) => {
      if (req.socket instanceof TLSSocket) servername = req.socket.servername;
      host = req.headers.host;
      res.end('secure');
    },
    { tls: certificate, host: 'api.upstream.test' },
  );
  await s.vault.set('KEY', secret());
  for (let i = 0; i < 2; i++) assert.equal((await s.get(`${up.origin}/`)).text, 'secure');
  assert.equal(servername, 'api.upstream.test');
  assert.equal(host, `api.upstream.test:${up.port}`);
  await s.quiet();
  const expected = new X509Certificate(certificate.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  for (const { phase, metadata } of s.entries())
    if (phase === 'post_exec') {
      assert.deepEqual(metadata?.tls, { version: 'TLSv1.3', certificate_sha256: expected });
      assert.equal(metadata?.address, '127.0.0.1');
    }
});

test('a certificate of nobody we trust, for another name, or out of date ends in a 502 and nothing is sent', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { extraCa: [authority.ca] } });
  const stranger = makeAuthority(t);
  await s.vault.set('KEY', secret());
  for (const [host, tls] of [
    ['stranger.test', stranger.issue('DNS:stranger.test')],
    ['wrong.test', authority.issue('DNS:right.test')],
    ['old.test', authority.issue('DNS:old.test', -1)],
  ] as const) {
    const up = await s.upstream(echo, { tls, host });
    const answer = await s.get(up.origin);
    assert.equal(answer.status, 502, host);
    assert.equal(answer.json().reason, 'tls_failed', answer.text);
    assert.equal(up.count(), 0);
    await s.quiet();
    const post = s.entries().at(-1);
    assert.equal(post?.outcome?.error_kind, 'tls_failed');
    assert.equal(post?.metadata?.tls, undefined);
  }
});

test('an environment that switches verification off does not switch ours off', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo, {
    tls: authority.issue('DNS:api.upstream.test'),
    host: 'api.upstream.test',
  });
  const probe = fileURLToPath(new URL('./tls-probe.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [probe, up.origin, '127.0.0.1'], {
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
  });
  assert.match(stdout, /^UNABLE_TO_VERIFY_LEAF_SIGNATURE|^UNABLE_TO_GET_ISSUER_CERT/);
  assert.equal(up.count(), 0);
});

test('what the system trusts is trusted, and so is what the usual variables name', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo, {
    tls: authority.issue('DNS:api.upstream.test'),
    host: 'api.upstream.test',
  });
  const probe = fileURLToPath(new URL('./tls-probe.ts', import.meta.url));
  const file = join(s.state, 'corp.pem');
  writeFileSync(file, authority.ca);
  for (const name of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
    const { stdout } = await promisify(execFile)(process.execPath, [probe, up.origin, '127.0.0.1'], {
      env: { ...process.env, [name]: file, NODE_NO_WARNINGS: '1' },
    });
    assert.equal(stdout, 'connected', name);
  }
});

test('without the extra authority the same upstream is not trusted', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'] });
  const up = await s.upstream(echo, {
    tls: authority.issue('DNS:api.upstream.test'),
    host: 'api.upstream.test',
  });
  await s.vault.set('KEY', secret());
  assert.equal((await s.get(up.origin)).status, 502);
});

test('an upstream that is named by its address is checked by its address', async (t) => {
  const s = await stage(t, { config: { extraCa: [authority.ca] } });
  await s.vault.set('KEY', secret());
  const good = await s.upstream(echo, { tls: authority.issue('IP:127.0.0.1') });
  assert.equal((await s.get(good.origin)).status, 200);
  const bad = await s.upstream(echo, { tls: authority.issue('IP:127.0.0.9') });
  assert.equal((await s.get(bad.origin)).status, 502);
});

test('a name is resolved once: the address that was checked is the one that is connected to', async (t) => {
  for (const [answers, status] of [
    [['127.0.0.1', '127.0.0.2'], 200],
    // Nobody listens at the address that was checked; the one of the second answer must not be tried.
    [['127.0.0.2', '127.0.0.1'], 502],
  ] as const) {
    let asked = 0;
    const s = await stage(t, { names: () => [answers[Math.min(asked++, 1)] ?? ''] });
    const up = await s.upstream(echo, { host: 'rebound.test' });
    await s.vault.set('KEY', secret());
    assert.equal((await s.get(up.origin)).status, status);
    assert.equal(asked, 1);
    assert.equal(up.count(), status === 200 ? 1 : 0);
    await s.quiet();
    assert.deepEqual(s.pair().pre.decision?.inputs?.addresses, [answers[0]]);
  }
});

test('a name that resolves to an inner address is stopped unless the policy calls it internal', async (t) => {
  const addresses = new Map<string, readonly string[]>([
    ['inner.test', ['127.0.0.1']],
    ['mixed.test', ['93.184.215.14', '10.0.0.1']],
    ['mapped.test', ['::ffff:127.0.0.1']],
    ['cloud.test', ['169.254.169.254']],
    ['empty.test', []],
  ]);
  const s = await stage(t, { names: (host) => addresses.get(host) ?? [] });
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  for (const host of addresses.keys()) {
    await s.allow(`{ host: ${host}, port: ${up.port}, http: true }`);
    const answer = await s.get(`http://${host}:${up.port}/`);
    assert.equal(answer.status, 403, host);
    assert.equal(answer.json().error, 'ssrf_protection_blocked', host);
  }
  assert.equal(up.count(), 0);
  await s.quiet();
  const [first] = s.entries();
  assert.deepEqual(first?.decision?.inputs?.addresses, ['127.0.0.1']);
});

test('an idle connection is used again only for an address that was checked for this call', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  let connections = 0;
  up.server.on('connection', () => connections++);
  const upstreams = createUpstreams({ connectMs: 1000, headersMs: 1000, idleMs: 1000 });
  t.after(() => upstreams.close());
  const use = (addresses: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      const lane = upstreams.take(`http://moving.test:${up.port}`, addresses);
      lane.dispatch(
        { path: '/', method: 'GET' },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData() {},
          onResponseEnd() {
            resolve(lane.peer()?.address ?? 'none');
            lane.release();
          },
          onResponseError(_controller, error) {
            lane.destroy();
            reject(error);
          },
        },
      );
    });
  assert.equal(await use(['127.0.0.1']), '127.0.0.1');
  assert.equal(await use(['127.0.0.1', '127.0.0.3']), '127.0.0.1');
  assert.equal(connections, 1);
  // 127.0.0.2 is this machine too, but nobody listens there.
  await assert.rejects(use(['127.0.0.2']), { code: 'ECONNREFUSED' });
  // One checked address that answers is enough.
  assert.equal(await use(['127.0.0.2', '127.0.0.1']), '127.0.0.1');
  assert.deepEqual(upstreams.counts(), { open: 1, idle: 1 });
});

test('a proxy in the environment is not asked', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const trap = await s.upstream(echo);
  process.env.HTTP_PROXY = trap.origin;
  process.env.http_proxy = trap.origin;
  t.after(() => {
    delete process.env.HTTP_PROXY;
    delete process.env.http_proxy;
  });
  await s.vault.set('KEY', secret());
  assert.equal((await s.get(up.origin)).status, 200);
  assert.equal(trap.count(), 0);
});
