/** Connections on both sides: how many, how long, which protocol. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { echo, raw, stage, until } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');

test('calls beyond the limit are told to come back, on record, and those under way are not hurt', async (t) => {
  const s = await stage(t, { config: { limits: { concurrentCalls: 3 } } });
  const waiting: (() => void)[] = [];
  const up = await s.upstream((_req, res) => waiting.push(() => res.end('finished')));
  await s.vault.set('KEY', secret());
  const running = [s.get(up.origin), s.get(up.origin), s.get(up.origin)];
  await until(() => waiting.length === 3, 'three calls');
  const refused = await s.get(up.origin);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal(refused.json().reason, 'too_many_calls');
  for (const end of waiting) end();
  for (const answer of await Promise.all(running)) assert.equal(answer.text, 'finished');
  await s.quiet();
  const points = s.entries().filter(({ phase }) => phase === 'point');
  assert.equal(points.length, 1);
  assert.deepEqual(
    [points[0]?.outcome?.status, points[0]?.outcome?.error_kind],
    ['blocked', 'too_many_calls'],
  );
  const again = s.get(up.origin);
  await until(() => waiting.length === 4, 'a call');
  waiting[3]?.();
  assert.equal((await again).status, 200);
});

test('a client that dawdles over its headers is cut off', async (t) => {
  const s = await stage(t, { config: { limits: { requestHeadersMs: 200 } } });
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(s.port, '127.0.0.1', () =>
      socket.write('GET /proxy HTTP/1.1\r\nHost: 127.0.0.1\r\n'),
    );
    const timer = setInterval(() => socket.write('X-Slow: y\r\n'), 30);
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
      resolve(text);
    });
  });
  assert.match(answer, /^HTTP\/1\.1 408/);
});

test('an HTTP/1.0 caller gets a whole response', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.write('part one, ');
    setTimeout(() => res.end('part two'), 60);
  });
  await s.vault.set('KEY', secret());
  const answer = await raw(
    s.port,
    `GET /proxy HTTP/1.0\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${up.origin}\r\nX-AS-Inject-Bearer: KEY\r\n\r\n`,
    'broker',
  );
  assert.match(answer, /\r\n\r\npart one, part two$/);
  assert.doesNotMatch(answer, /transfer-encoding|trailer/i);
});

test('connections to an upstream are used again, and one that the upstream closed is not', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    if (req.url === '/close') res.setHeader('Connection', 'close');
    res.end();
  });
  let connections = 0;
  up.server.on('connection', () => connections++);
  await s.vault.set('KEY', secret());
  for (let i = 0; i < 5; i++) assert.equal((await s.get(up.origin)).status, 200);
  assert.equal(connections, 1);
  assert.equal((await s.get(`${up.origin}/close`)).status, 200);
  await until(() => s.broker.stats().upstreams.open === 0, 'the close');
  assert.equal((await s.get(up.origin)).status, 200);
  assert.equal(connections, 2);
  for (const socket of [1, 2, 3]) assert.equal((await s.get(`${up.origin}/${socket}`)).status, 200);
});

test('an upstream’s early hints are not taken for its response', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    res.writeProcessing();
    res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, () => echo(req, res));
  });
  await s.vault.set('KEY', secret());
  const answer = await s.get(up.origin);
  assert.equal(answer.status, 200);
  assert.equal(answer.json().method, 'GET');
});
