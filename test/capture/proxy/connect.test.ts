/** CONNECT to hosts that the policy names: TLS ends in the broker, and each call inside is one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { ensureCa } from '../../../src/capture/ca/authority.ts';
import { caPaths } from '../../../src/capture/ca/files.ts';
import { makeAuthority } from './certificates.ts';
import { basic, connectVia, requestOn, secure } from './connecting.ts';
import { startRun } from './program.ts';
import { echo, type Stage, type StageOptions, stage, type Upstream, until } from './stage.ts';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** curl with us as its proxy; unless told otherwise it trusts nothing but the local authority. */
async function curl(at: Stage, args: readonly string[], { user = '', trusts = true } = {}): Promise<Ran> {
  await ensureCa({ state: at.state }, Date.now);
  const proxy = `http://${user === '' ? '' : `${user}@`}127.0.0.1:${at.port}`;
  const ca = trusts ? ['--cacert', caPaths({ state: at.state }).certificate] : [];
  const child = spawn('curl', ['-sS', '--proxy', proxy, ...ca, ...args], {
    env: { PATH: process.env.PATH ?? '' },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** A stage with one https upstream, api.test. */
async function withApi(
  t: TestContext,
  options: StageOptions = {},
): Promise<{ at: Stage; up: Upstream; authority: string }> {
  const authority = makeAuthority(t);
  const at = await stage(t, {
    ...options,
    config: { extraCa: [authority.ca], ...options.config },
    names: () => ['127.0.0.1'],
  });
  const up = await at.upstream(echo, { tls: authority.issue('DNS:api.test'), host: 'api.test' });
  return { at, up, authority: `api.test:${up.port}` };
}

test('a program that calls https through us is answered, and its call is on record as it was', async (t) => {
  const { at, up, authority } = await withApi(t);
  const ran = await curl(at, [
    ...[`${up.origin}/things?q=1`, '-d', '{"a":1}'],
    ...['-H', 'content-type: application/json', '-H', 'Origin: https://page.example'],
  ]);
  assert.equal(ran.err, '');
  const seen = JSON.parse(ran.out) as {
    method: string;
    url: string;
    body: string;
    headers: Record<string, string>;
  };
  assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/things?q=1', '{"a":1}']);
  assert.equal(seen.headers.host, authority);
  assert.equal(seen.headers.origin, 'https://page.example', 'its Origin is its own business');
  await at.quiet();
  const { pre, post } = at.pair();
  assert.equal(pre.action?.target?.host, 'api.test');
  assert.equal(pre.action?.target?.method, 'POST');
  assert.equal(post.outcome?.status_code, 200);
  assert.equal(post.metadata?.via, 'intercept');
});

test('each call inside of one connection is decided on its own', async (t) => {
  const { at, up, authority } = await withApi(t);
  await at.policy(
    `version: "1"\nallowlist:\n  - { host: api.test, port: ${up.port}, internal: true, paths: [/yes] }\n`,
  );
  const { socket, status } = await connectVia(at.port, authority);
  assert.equal(status, 200);
  const inner = await secure(at, socket, 'api.test');
  assert.equal(inner.alpnProtocol, false);
  assert.equal((await requestOn(inner, '/yes', { host: authority })).status, 200);
  const no = await requestOn(inner, '/no', { host: authority });
  assert.equal(no.status, 403);
  assert.equal(no.json().reason, 'path_not_allowed');
  assert.equal((await requestOn(inner, '/yes', { host: authority })).status, 200);
  inner.destroy();
  await at.quiet();
  assert.deepEqual(
    at.entries().map((entry) => entry.outcome?.status ?? entry.decision?.outcome),
    ['allow', 'ok', 'stop', 'blocked', 'allow', 'ok'],
  );
  assert.equal(up.count(), 2);
});

test('plain http inside of a CONNECT is a call as well', async (t) => {
  const at = await stage(t, { names: () => ['127.0.0.1'] });
  const up = await at.upstream(echo, { host: 'plain.test' });
  const authority = `plain.test:${up.port}`;
  const { socket } = await connectVia(at.port, authority);
  const answer = await requestOn(socket, '/a?b=c', { host: authority });
  assert.equal(answer.status, 200);
  assert.equal(answer.json().url, '/a?b=c');
  const again = await requestOn(socket, '/again', { host: authority });
  assert.equal(again.json().url, '/again');
  socket.destroy();
  await at.quiet();
  assert.deepEqual(
    at.entries().map((entry) => entry.action?.target?.scheme),
    ['http', 'http', 'http', 'http'],
  );
});

test('bytes that come before the answer to the CONNECT are not lost', async (t) => {
  const at = await stage(t, { names: () => ['127.0.0.1'] });
  const up = await at.upstream(echo, { host: 'plain.test' });
  const authority = `plain.test:${up.port}`;
  const { connect } = await import('node:net');
  const socket = connect(at.port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString();
  });
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\nGET /early HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`,
  );
  await once(socket, 'close');
  assert.match(text, /^HTTP\/1\.1 200 Connection Established/);
  assert.match(text, /"url":"\/early"/);
});

test('a Host or a path inside that is for another place is refused, and so is another name in the handshake', async (t) => {
  const { at, up, authority } = await withApi(t);
  const { socket } = await connectVia(at.port, authority);
  const inner = await secure(at, socket, 'api.test');
  const other = await requestOn(inner, '/', { host: 'other.test' });
  assert.equal(other.status, 400);
  inner.destroy();

  const second = await connectVia(at.port, authority);
  await assert.rejects(secure(at, second.socket, 'other.test'));
  await at.quiet();
  await until(() => at.entries().length === 2, 'the entry');
  const [host, name] = at.entries();
  assert.match(host?.outcome?.error ?? '', /the Host header says "other\.test"/);
  assert.equal(name?.outcome?.error_kind, 'tls_wrong_name');
  assert.match(name?.outcome?.error ?? '', /"other\.test"/);
  assert.equal(name?.action?.name, 'http.connect');
  assert.equal(up.count(), 0);
});

test('a certificate is shown for an address too, and http/1.1 is all that is spoken', async (t) => {
  const authority = makeAuthority(t);
  const at = await stage(t, { config: { extraCa: [authority.ca] } });
  const up = await at.upstream(echo, { tls: authority.issue('IP:127.0.0.1') });
  const ran = await curl(at, ['--http2', '-w', ' %{http_version}', `${up.origin}/x`]);
  assert.equal(ran.err, '');
  assert.match(ran.out, / 1\.1$/);
  const { socket } = await connectVia(at.port, `127.0.0.1:${up.port}`);
  await assert.rejects(secure(at, socket, '', { ALPNProtocols: ['h2'] }));
  await until(() => at.entries().length === 3, 'the entry');
  const entry = at.entries()[2];
  assert.equal(entry?.phase, 'point');
  assert.equal(entry?.outcome?.error_kind, 'tls_failed');
});

test('a program that does not trust us leaves what a developer has to see', async (t) => {
  const { at, up, authority } = await withApi(t);
  const ran = await curl(at, [`${up.origin}/`], { trusts: false });
  assert.equal(ran.code, 60);
  await until(() => at.entries().length === 1, 'the entry');
  const [entry] = at.entries();
  assert.equal(entry?.phase, 'point');
  assert.equal(entry?.outcome?.status, 'error');
  assert.equal(entry?.outcome?.error_kind, 'tls_untrusted');
  assert.match(entry?.outcome?.error ?? '', /does not trust .* api\.test .*UNKNOWN_CA.*tally ca path/);
  assert.deepEqual(entry?.action?.target, { host: 'api.test', port: up.port, method: 'CONNECT' });

  // Node looks at the certificate after the handshake, and leaves.
  const { socket } = await connectVia(at.port, authority);
  await assert.rejects(secure(at, socket, 'api.test', { ca: [] }));
  await until(() => at.entries().length === 2, 'the entry');
  assert.equal(at.entries()[1]?.outcome?.error_kind, 'tls_refused');
  assert.equal(at.entries()[1]?.outcome?.status, 'aborted');
});

test('where the policy wants a token it is asked for first, and one that is not good is on record', async (t) => {
  const { at, up, authority } = await withApi(t);
  await at.policy(
    `version: "1"\nidentity: { anonymous: stop }\nallowlist: [{ host: api.test, port: ${up.port}, internal: true }]\n`,
  );
  const asked = await connectVia(at.port, authority);
  assert.equal(asked.status, 407);
  assert.match(asked.headers.get('proxy-authenticate') ?? '', /^Basic realm=/);
  assert.match(asked.line, /tally run/);
  assert.equal(at.broker.stats().strays, 1);
  assert.equal(at.entries().length, 0);

  const token = await startRun(at);
  const ran = await curl(at, [`${up.origin}/x`], { user: `run:${token}` });
  assert.equal(ran.err, '');
  await at.quiet();
  assert.equal(at.entries()[0]?.actor?.identity_level, 'issued');
  assert.ok(at.entries()[0]?.run_id !== undefined);

  for (const bad of ['Basic !!', `Bearer ${token}x`, 'Digest a', basic('nothing'), 'Basic '])
    assert.equal((await connectVia(at.port, authority, { 'Proxy-Authorization': bad })).status, 407, bad);
  const bearer = await connectVia(at.port, authority, { 'Proxy-Authorization': `Bearer ${token}` });
  assert.equal(bearer.status, 200);
  bearer.socket.destroy();
  const refused = at.entries().slice(2);
  assert.equal(refused.length, 5);
  for (const entry of refused) {
    assert.equal(entry.outcome?.status, 'blocked');
    assert.equal(entry.outcome?.error_kind, 'token_invalid');
    assert.ok(!JSON.stringify(entry).includes(token));
  }
});

test('a CONNECT for no place, for the broker itself, or inside of another one goes nowhere', async (t) => {
  const { at, up, authority } = await withApi(t);
  for (const bad of [
    'api.test',
    'api.test:0',
    'api.test:99999',
    'http://api.test/',
    ':443',
    '[::1',
    '*:443',
  ]) {
    const { status, socket } = await connectVia(at.port, bad);
    assert.equal(status, 400, bad);
    socket.destroy();
  }
  const own = await connectVia(at.port, `127.0.0.1:${at.port}`);
  assert.equal(own.status, 403);
  assert.match(own.body, /broker_loop/);
  const outer = await connectVia(at.port, authority);
  const inner = await secure(at, outer.socket, 'api.test');
  inner.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [data] = (await once(inner, 'data')) as [Buffer];
  assert.match(data.toString(), /^HTTP\/1\.1 405 /);
  inner.destroy();
  assert.equal(up.count(), 0);
  assert.deepEqual(
    at.entries().map((entry) => entry.outcome?.error_kind),
    [...Array.from({ length: 7 }, () => 'bad_request'), 'broker_loop'],
  );
});

test('a connection that is asked to become another one while it has an answer to carry is closed, and its call aborted', async (t) => {
  const at = await stage(t, { names: () => ['127.0.0.1'] });
  const waiting: (() => void)[] = [];
  const up = await at.upstream((_request, response) => waiting.push(() => response.end('late')), {
    host: 'plain.test',
  });
  const authority = `plain.test:${up.port}`;
  for (const second of [
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    `GET http://${authority}/ws HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  ]) {
    const { connect } = await import('node:net');
    const socket = connect(at.port, '127.0.0.1');
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString();
    });
    socket.on('error', () => undefined);
    socket.write(`GET http://${authority}/first HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const before = waiting.length;
    await until(() => waiting.length > before, 'the first request');
    socket.write(second);
    await once(socket, 'close');
    assert.equal(text, '');
  }
  for (const end of waiting) end();
  await at.quiet();
  assert.deepEqual(
    at.entries().flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome.status])),
    ['aborted', 'aborted'],
  );
});

test('connections in which nothing happens end, and hold nothing up at close', async (t) => {
  const { at, authority } = await withApi(t, { config: { limits: { tlsHandshakeMs: 150 } } });
  const silent = await connectVia(at.port, authority);
  silent.socket.resume();
  await once(silent.socket, 'end');
  silent.socket.destroy();
  const half = await connectVia(at.port, authority);
  // The beginning of a TLS record, and no more.
  half.socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  half.socket.resume();
  await once(half.socket, 'end');
  half.socket.destroy();
  await until(() => at.entries().length === 1, 'the entry');
  assert.equal(at.entries()[0]?.outcome?.error_kind, 'tls_timeout');
  assert.equal(at.broker.stats().strays, 1);

  const idle = await connectVia(at.port, authority);
  const inner = await secure(at, idle.socket, 'api.test');
  assert.equal((await requestOn(inner, '/', { host: authority })).status, 200);
  const waiting = await connectVia(at.port, authority);
  const silentInside = await secure(at, (await connectVia(at.port, authority)).socket, 'api.test');
  silentInside.on('error', () => undefined);
  const began = performance.now();
  await at.close();
  assert.ok(
    performance.now() - began < 3_000,
    'neither an idle connection nor one before its handshake is waited for',
  );
  for (const one of [waiting.socket, inner, silentInside]) one.destroy();
  assert.ok(!at.entries().some(({ outcome }) => outcome?.error_kind === 'tls_refused'), 'it was us who left');
});

test('without an authority a CONNECT is refused, on record and in words', async (t) => {
  const { at, authority } = await withApi(t, {
    leaves: { of: () => Promise.reject(new Error('no such file')) },
  });
  const { socket } = await connectVia(at.port, authority);
  await assert.rejects(secure(at, socket, 'api.test'));
  await until(() => at.entries().length === 1, 'the entry');
  assert.equal(at.entries()[0]?.outcome?.error_kind, 'ca_unavailable');
});
