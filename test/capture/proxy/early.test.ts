/** An upstream that answers before it has read the body, as one does that refuses it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { readAnswer, stage } from './stage.ts';

const BODY_BYTES = 30 * 1024 * 1024;
/** Far more than it takes, and less than any timer of ours. */
const SOON_MS = 1_500;

test('an answer that comes before the body is read ends the call, and says that the connection ends', {
  timeout: 20_000,
}, async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    req.pause();
    res.writeHead(413).end('too much');
  });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const started = performance.now();
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: '/proxy',
    method: 'POST',
    agent: false,
    headers: {
      Connection: 'keep-alive',
      'X-AS-Target-URL': up.origin,
      'X-AS-Inject-Bearer': 'KEY',
      'Content-Type': 'application/octet-stream',
      'Content-Length': BODY_BYTES,
    },
  });
  const closed = new Promise<void>((resolve) => outgoing.on('close', () => resolve()));
  outgoing.on('error', () => undefined);
  const incoming = new Promise<IncomingMessage>((resolve) => outgoing.on('response', resolve));
  outgoing.end(Buffer.alloc(BODY_BYTES));
  const answer = await readAnswer(await incoming);
  assert.deepEqual([answer.status, answer.text], [413, 'too much']);
  assert.equal(answer.headers.connection, 'close');
  await closed;
  assert.ok(performance.now() - started < SOON_MS, 'the client waited');
  await s.quiet();
  const { post } = s.pair();
  assert.deepEqual([post.outcome?.status, post.outcome?.status_code], ['ok', 413]);
  const closing = performance.now();
  await s.broker.close();
  assert.ok(performance.now() - closing < SOON_MS, 'close waited');
});

test('a caller that never finishes its body holds neither a connection nor the close for long', {
  timeout: 20_000,
}, async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => res.end('done'));
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const started = performance.now();
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    const socket = connect(s.port, '127.0.0.1', () =>
      socket.write(
        `POST /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${up.origin}\r\n` +
          'X-AS-Inject-Bearer: KEY\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\npart',
      ),
    );
    socket.on('data', (data) => {
      seen += data.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(seen));
  });
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, /^connection: close\r$/im);
  assert.ok(text.includes('done'));
  assert.ok(performance.now() - started < 4_000, 'the connection stayed open');
});
