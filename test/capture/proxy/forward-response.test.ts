/** What comes back of a forwarded call: as it is where no credential went out, scrubbed where one did. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { proxied, secret, startRun, via } from './program.ts';
import { type Stage, stage } from './stage.ts';

const CODINGS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync, deflate: deflateSync };

/** The response as soon as its head is there. */
async function open(
  s: Stage,
  token: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: url,
    agent: false,
    headers: { Host: new URL(url).host, 'Proxy-Authorization': proxied(token), ...headers },
  });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return incoming;
}

test('without a credential every byte passes as it is, with its coding and its length', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const text = 'said again and again '.repeat(20_000);
  const up = await s.upstream((req, res) => {
    const coding = req.url?.slice(1) as keyof typeof CODINGS;
    const body = CODINGS[coding](text);
    res.writeHead(200, {
      'Content-Encoding': coding,
      'Content-Length': body.length,
      ETag: '"coded"',
      'Access-Control-Allow-Origin': '*',
      'Set-Cookie': ['a=1', 'b=2'],
    });
    res.end(body);
  });
  for (const [coding, compress] of Object.entries(CODINGS)) {
    const answer = await via(s, token, `${up.origin}/${coding}`, { headers: { 'Accept-Encoding': coding } });
    const body = compress(text);
    assert.equal(answer.headers['content-encoding'], coding);
    assert.equal(answer.headers['content-length'], String(body.length));
    assert.equal(answer.headers['transfer-encoding'], undefined);
    assert.equal(answer.headers.etag, '"coded"');
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.ok(answer.body.equals(body));
  }
  await s.quiet();
});

test('with a credential a compressed echo of it is taken out, whatever the coding and however it is cut', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const value = secret();
  await s.vault.set('KEY', value);
  const text = `before ${value} between ${Buffer.from(value).toString('base64')} after`;
  const up = await s.upstream((req, res) => {
    const coding = req.url?.slice(1) as keyof typeof CODINGS;
    res.writeHead(200, {
      'Content-Encoding': coding,
      Trailer: 'X-Sum',
      'X-Echo': req.headers.authorization ?? '',
    });
    const body = CODINGS[coding](text);
    const half = Math.floor(body.length / 2);
    res.write(body.subarray(0, half));
    setImmediate(() => {
      res.write(body.subarray(half));
      res.addTrailers({ 'X-Sum': value });
      res.end();
    });
  });
  for (const coding of Object.keys(CODINGS)) {
    const answer = await via(s, token, `${up.origin}/${coding}`, {
      headers: { 'Accept-Encoding': coding, Authorization: `Bearer ${placeholderFor(token, 'KEY')}` },
    });
    assert.equal(answer.text, 'before [REDACTED:KEY] between [REDACTED:KEY] after');
    assert.equal(answer.headers['x-echo'], 'Bearer [REDACTED:KEY]');
    assert.ok(!JSON.stringify([answer.headers, answer.trailers]).includes(value));
  }
});

for (const credential of [false, true])
  test(`each event of a stream arrives before the next one is sent, ${credential ? 'with' : 'without'} a credential`, async (t) => {
    const s = await stage(t);
    const token = await startRun(s);
    await s.vault.set('KEY', secret());
    let next: () => void = () => undefined;
    const up = await s.upstream((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      let count = 0;
      next = () => (count < 20 ? res.write(`data: ${count++}\n\n`) : res.end());
      next();
    });
    const auth = { Authorization: `Bearer ${placeholderFor(token, 'KEY')}` };
    const incoming = await open(s, token, `${up.origin}/events`, credential ? auth : {});
    const got: string[] = [];
    // Nothing more is sent until what was sent has come: were one held back, this would never end.
    for await (const chunk of incoming) {
      got.push(String(chunk));
      next();
    }
    assert.deepEqual(
      got,
      Array.from({ length: 20 }, (_, i) => `data: ${i}\n\n`),
    );
    await s.quiet();
    assert.equal(s.pair().post.outcome?.status, 'ok');
  });

test('a HEAD keeps the length that a GET would have, and a 204 has none', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const up = await s.upstream((req, res) => {
    if (req.url === '/none') res.writeHead(204).end();
    else res.writeHead(200, { 'Content-Length': 12_345, 'Content-Encoding': 'gzip' }).end();
  });
  const head = await via(s, token, `${up.origin}/`, { method: 'HEAD' });
  assert.equal(head.headers['content-length'], '12345');
  assert.equal(head.headers['content-encoding'], 'gzip');
  const none = await via(s, token, `${up.origin}/none`);
  assert.equal(none.status, 204);
  assert.equal(none.headers['content-length'], undefined);
});

test('early hints come before the answer, scrubbed', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const value = secret();
  await s.vault.set('KEY', value);
  const up = await s.upstream((_req, res) => {
    res.writeEarlyHints({ link: [`</${value}.css>; rel=preload; as=style`, '</b.css>; rel=preload'] });
    setTimeout(() => res.end('x'), 20);
  });
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: `${up.origin}/`,
    agent: false,
    headers: {
      Host: new URL(up.origin).host,
      'Proxy-Authorization': proxied(token),
      Authorization: `Bearer ${placeholderFor(token, 'KEY')}`,
    },
  });
  const hints: unknown[] = [];
  outgoing.on('information', ({ statusCode, headers }) => hints.push([statusCode, headers.link]));
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  incoming.resume();
  await once(incoming, 'end');
  assert.equal(incoming.statusCode, 200);
  assert.ok(!JSON.stringify(hints).includes(value));
  assert.equal(hints.length, 1, JSON.stringify(hints));
});

test('an upstream that cuts its body is seen by the program, and is no success on record', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, { 'Content-Length': 1000 });
    res.write('x'.repeat(100));
    setTimeout(() => res.destroy(), 20);
  });
  const incoming = await open(s, token, `${up.origin}/`);
  assert.equal(incoming.headers['content-length'], '1000');
  await assert.rejects(async () => {
    for await (const _ of incoming);
  });
  await s.quiet();
  const { post } = s.pair();
  assert.equal(post.outcome?.status, 'error');
  assert.equal(post.outcome?.error_kind, 'connection_lost');
  assert.equal(post.outcome?.status_code, 200);
  assert.equal(post.outcome?.bytes_out, 100);
});

test('what an upstream kept of a credential is taken out of its answers to calls without one', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const values = { ONE: secret(), TWO: secret() };
  const kept: string[] = [];
  const up = await s.upstream((req, res) => {
    if (req.headers['x-key'] !== undefined) kept.push(String(req.headers['x-key']));
    res.writeHead(200, { 'X-Kept': kept.join() });
    res.end(`kept: ${kept.join()}`);
  });
  assert.equal((await via(s, token, `${up.origin}/`)).headers['x-as-redacted'], undefined);
  for (const [name, value] of Object.entries(values)) {
    await s.vault.set(name, value);
    await via(s, token, `${up.origin}/`, { headers: { 'X-Key': placeholderFor(token, name) } });
  }
  const answer = await via(s, token, `${up.origin}/`, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(answer.text, 'kept: [REDACTED:ONE],[REDACTED:TWO]');
  assert.equal(answer.headers['x-kept'], '[REDACTED:ONE],[REDACTED:TWO]');
  assert.equal(answer.headers['x-as-redacted'], 'true');
  await s.quiet();
  assert.deepEqual(s.entries().at(-1)?.outcome?.redaction, { count: 4, rules: { ONE: 2, TWO: 2 } });
});

test('the base64 of Basic is taken out wherever the credential stands in it', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const value = secret();
  await s.vault.set('KEY', value);
  const up = await s.upstream((req, res) => res.end(`echo ${req.headers.authorization}`));
  for (const [before, after] of [
    ['', ':'],
    ['a:', ''],
    ['ab:', ''],
    ['abc:', 'x'],
    ['abcd:', 'xy'],
  ]) {
    const pair = (inside: string) => Buffer.from(`${before}${inside}${after}`).toString('base64');
    const answer = await via(s, token, `${up.origin}/`, {
      headers: { Authorization: `Basic ${pair(placeholderFor(token, 'KEY'))}` },
    });
    assert.match(answer.text, /^echo Basic .*\[REDACTED:KEY\]/);
    // Not more than the characters at both ends, which are of the neighbours too.
    const left = answer.text.replace('echo Basic ', '').split('[REDACTED:KEY]');
    const sent = pair(value);
    assert.ok(sent.startsWith(left[0] ?? '') && sent.endsWith(left[1] ?? ''), answer.text);
    assert.ok(
      (left[0]?.length ?? 0) <= Math.ceil((before?.length ?? 0) / 3) * 4 + 4 && (left[1]?.length ?? 0) <= 8,
    );
  }
});

test('what is sent in pieces arrives in pieces, and is answered in pieces', async (t) => {
  const s = await stage(t);
  const token = await startRun(s);
  const up = await s.upstream((req, res) => {
    res.flushHeaders();
    req.on('data', (chunk: Buffer) => res.write(`got ${chunk}`));
    req.on('end', () => res.end());
  });
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: `${up.origin}/`,
    method: 'POST',
    agent: false,
    headers: { Host: new URL(up.origin).host, 'Proxy-Authorization': proxied(token) },
  });
  outgoing.write('0');
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  // The next piece is sent when the answer to the last one has come: were one held back, this would never end.
  for (let i = 0; i < 10; i++) {
    const [chunk] = (await once(incoming, 'data')) as [Buffer];
    assert.equal(String(chunk), `got ${i}`);
    if (i < 9) outgoing.write(String(i + 1));
  }
  outgoing.end();
  await once(incoming, 'end');
  await s.quiet();
  assert.deepEqual([s.pair().post.outcome?.bytes_in, s.pair().post.outcome?.bytes_out], [10, 50]);
});
