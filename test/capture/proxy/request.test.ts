/** What callers may send: bodies, methods, expectations, and requests that are refused for what they are. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { echo, raw, stage } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('the same arguments give the same hashes, another body, query or method another', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => req.resume().on('end', () => res.end()));
  await s.vault.set('KEY', secret());
  const post = (path: string, body: string, method = 'POST') =>
    s.call({
      method,
      headers: {
        'X-AS-Target-URL': up.origin + path,
        'X-AS-Inject-Bearer': 'KEY',
        'Content-Type': 'application/json',
      },
      body,
    });
  await post('/a?x=1', '{"n":1}');
  await post('/a?x=1', '{"n":1}');
  await post('/a?x=1', '{"n":2}');
  await post('/a?x=2', '{"n":1}');
  await post('/a?x=1', '{"n":1}', 'PUT');
  // Parsers read these alike; an upstream may not.
  await post('/a?x=1', '{"n":0,"n":1}');
  await s.quiet();
  const hashes = s
    .entries()
    .filter(({ phase }) => phase === 'pre_exec')
    .map(({ action }) => action?.args_hash);
  assert.equal(hashes[0], hashes[1]);
  assert.equal(new Set(hashes).size, 5);
});

test('malformed requests that name a target are a 400 and one entry; strays leave none', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const target = `${up.origin}/x`;
  for (const headers of [
    { 'X-AS-Target-URL': target },
    { 'X-AS-Target-URL': target, 'X-AS-Inject-Bearer': 'two words' },
    { 'X-AS-Inject-Bearer': 'KEY' },
    { 'X-AS-Target-URL': 'not a url', 'X-AS-Inject-Bearer': 'KEY' },
  ]) {
    const answer = await s.call({ headers });
    assert.equal(answer.status, 400);
    assert.equal(typeof answer.json().error, 'string');
  }
  const entries = s.entries();
  assert.equal(entries.length, 4);
  for (const entry of entries) {
    assert.equal(entry.phase, 'point');
    assert.equal(entry.outcome?.status, 'error');
    assert.equal(entry.outcome?.error_kind, 'bad_request');
    assert.equal(entry.outcome?.status_code, 400);
  }
  assert.equal(entries[0]?.action?.target?.host, '127.0.0.1');
  assert.equal((await s.call({})).status, 400);
  assert.equal((await s.call({ path: '/' })).status, 404);
  assert.equal((await s.call({ path: '/proxy/' })).status, 404);
  await s.quiet();
  assert.equal(s.entries().length, 4);
  assert.equal(s.broker.stats().strays, 3);
  assert.equal(up.count(), 0);
});

test('garbage in headers leaves entries of bounded size', async (t) => {
  const s = await stage(t);
  const junk = 'Z'.repeat(12_000);
  await s.call({ headers: { 'X-AS-Target-URL': `https://a.example/${junk}`, 'X-AS-Inject-Bearer': 'a b' } });
  await s.call({ headers: { 'X-AS-Target-URL': junk, 'X-AS-Inject-Bearer': 'KEY' } });
  await s.call({ headers: { [`X-AS-${junk}`]: 'x' } });
  await s.quiet();
  assert.equal(s.entries().length, 3);
  for (const entry of s.entries())
    assert.ok(JSON.stringify(entry).length < 3_000, String(JSON.stringify(entry).length));
});

test('a form or JSON injection into another kind of body, or into too large a one, is refused before it is sent', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const into = (style: string, type: string, body: string, more: Record<string, string> = {}) =>
    s.call({
      method: 'POST',
      headers: {
        'X-AS-Target-URL': up.origin,
        [`X-AS-Inject-${style}-a`]: 'KEY',
        'Content-Type': type,
        ...more,
      },
      body,
    });
  const large = JSON.stringify({ x: 'y'.repeat(LIMITS.parsedBodyBytes) });
  assert.equal((await into('Body', 'text/plain', '{}')).status, 400);
  assert.equal((await into('Body', 'application/x-www-form-urlencoded', 'a=b')).status, 400);
  assert.equal((await into('Form', 'application/json', '{}')).status, 400);
  assert.equal((await into('Body', 'application/json', '[1]')).status, 400);
  assert.equal((await into('Body', 'application/json', 'x', { 'Content-Encoding': 'gzip' })).status, 400);
  assert.equal((await into('Body', 'application/json', large)).status, 413);
  assert.equal(
    (await into('Body', 'application/json', large, { 'Transfer-Encoding': 'chunked' })).status,
    413,
  );
  assert.equal(up.count(), 0);
  assert.equal((await into('Body', 'application/vnd.api+json', '{}')).status, 200);
  await s.quiet();
  assert.equal(s.entries().filter(({ phase }) => phase === 'point').length, 7);
});

test('bodies that are not read beforehand are streamed, and hashed on the way', async (t) => {
  const s = await stage(t);
  let received = '';
  const up = await s.upstream((req, res) => {
    const hash = createHash('sha256');
    req.on('data', (chunk: Buffer) => hash.update(chunk));
    req.on('end', () => {
      received = hash.digest('hex');
      res.end(req.headers['content-length'] ?? req.headers['transfer-encoding']);
    });
  });
  await s.vault.set('KEY', secret());
  const binary = randomBytes(300_000);
  const json = Buffer.from(JSON.stringify({ x: 'y'.repeat(LIMITS.parsedBodyBytes) }));
  const post = (body: Buffer, headers: Record<string, string>) =>
    s.call({
      method: 'PUT',
      headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY', ...headers },
      body,
    });
  for (const [body, headers, framing] of [
    [binary, { 'Content-Type': 'application/octet-stream' }, '300000'],
    [binary, { 'Transfer-Encoding': 'chunked' }, 'chunked'],
    [json, { 'Content-Type': 'application/json' }, String(json.length)],
    [json, { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }, 'chunked'],
  ] as const) {
    const answer = await post(body, headers);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.text, framing);
    await s.quiet();
    const [pre, post_exec] = s.entries().slice(-2);
    assert.equal(received, sha256(body));
    assert.equal(post_exec?.outcome?.request_hash, sha256(body));
    assert.equal(post_exec?.outcome?.bytes_in, body.length);
    assert.match(pre?.action?.args_hash_alg ?? '', /;body=streamed$/);
  }
});

test('GET may carry a body, HEAD and 204 and 304 have none, and lengths stay right', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    req.resume();
    req.on('end', () => {
      if (req.url === '/204') res.writeHead(204).end();
      else if (req.url === '/304') res.writeHead(304, { ETag: '"x"' }).end();
      else {
        res.writeHead(200, {
          'Content-Length': '5',
          'Content-Encoding': req.method === 'HEAD' ? 'gzip' : 'identity',
        });
        res.end(req.method === 'HEAD' ? undefined : 'hello');
      }
    });
  });
  await s.vault.set('KEY', secret());
  const call = (path: string, method: string, body?: string) =>
    s.call({
      method,
      headers: {
        'X-AS-Target-URL': up.origin + path,
        'X-AS-Inject-Bearer': 'KEY',
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body }),
    });
  assert.equal((await call('/', 'GET', '{"q":1}')).text, 'hello');
  const head = await call('/', 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '5');
  assert.equal(head.headers['content-encoding'], 'gzip');
  assert.equal(head.text, '');
  const none = await call('/204', 'DELETE');
  assert.equal(none.status, 204);
  assert.equal(none.headers['content-length'], undefined);
  const same = await call('/304', 'GET');
  assert.equal(same.status, 304);
  assert.equal(same.headers.etag, '"x"');
  await s.quiet();
  assert.ok(s.entries().every(({ phase, outcome }) => phase === 'pre_exec' || outcome?.status === 'ok'));
});

test('the method header overrides the inbound method', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const answer = await s.call({
    method: 'POST',
    headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY', 'X-AS-Method': 'delete' },
  });
  assert.equal(answer.json().method, 'DELETE');
  await s.quiet();
  assert.equal(s.pair().pre.action?.target?.method, 'DELETE');
});

test('a caller that waits for 100 Continue is told to go on only when its body is wanted', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const ask = (target: string, type: string) =>
    raw(
      s.port,
      `POST /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${target}\r\nX-AS-Inject-Bearer: KEY\r\n` +
        `Content-Type: ${type}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}`,
    );
  assert.match(await ask(up.origin, 'application/json'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.match(await ask(up.origin, 'text/plain'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  const stopped = await ask('https://elsewhere.example', 'text/plain');
  assert.match(stopped, /^HTTP\/1\.1 403 Forbidden/);
  assert.match(stopped, /connection: close/i);
  const bad = await ask('nonsense', 'application/json');
  assert.match(bad, /^HTTP\/1\.1 400 Bad Request/);
});

test('a header that has the upstream do another method is refused, on record, and nothing is sent', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', secret());
  const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];
  for (const name of names) {
    const answer = await s.get(up.origin, { 'X-AS-Method': 'POST', [name]: 'DELETE' });
    assert.equal(answer.status, 400);
    assert.match(String(answer.json().error), /change the method after the decision/);
  }
  assert.equal(up.count(), 0);
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ phase, outcome }) => [phase, outcome?.error_kind]),
    names.map(() => ['point', 'bad_request']),
  );
});
