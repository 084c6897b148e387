/** What node's parser refuses: answered, and on record where it was meant as a call. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { basic, connectVia, secure } from './connecting.ts';
import { startRun } from './program.ts';
import { later, raw, stage, until } from './stage.ts';

const EMPTY = 'Content-Length: 0\r\n\r\n';

test('a request that the parser refuses inside of a CONNECT is a 400 and one entry that says so', async (t) => {
  const at = await stage(t);
  const token = await startRun(at);
  await at.allow('{ host: api.example.com, port: 443 }');
  const secret = randomBytes(16).toString('hex');
  for (const text of [
    `BREW /x?${secret} HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 64000\r\n\r\n${'b'.repeat(64_000)}`,
    `GET /x HTTP/1.1\r\nHost: api.example.com\r\nX-Odd: ${'h'.repeat(20_000)}\r\n\r\n`,
    'GET /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ]) {
    const { socket } = await connectVia(at.port, 'api.example.com:443', {
      'Proxy-Authorization': basic(token),
    });
    const inner = await secure(at, socket, 'api.example.com');
    let answer = '';
    let ended = false;
    inner.on('data', (data: Buffer) => (answer += data.toString('latin1'))).on('end', () => (ended = true));
    inner.write(text);
    await until(() => ended, 'the answer to end');
    const status = text.includes('X-Odd') ? 431 : 400;
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(answer, /^x-tally-entry: /m);
    socket.destroy();
  }
  await at.quiet();
  const entries = at.entries();
  assert.equal(entries.length, 3);
  for (const { phase, outcome, action, metadata, run_id } of entries) {
    assert.equal(phase, 'point');
    assert.equal(outcome?.status, 'error');
    assert.equal(outcome?.error_kind, 'bad_request');
    assert.deepEqual(action?.target, { scheme: 'https', host: 'api.example.com', port: 443 });
    assert.deepEqual(metadata, { via: 'intercept' });
    assert.notEqual(run_id, undefined);
  }
  assert.ok(!JSON.stringify(entries).includes(secret));
  assert.equal(at.broker.stats().strays, 0);
});

test('at its port such a request is on record where it was meant as a call, with who sent it; other bytes are counted', async (t) => {
  const at = await stage(t);
  const token = await startRun(at);
  const up = await at.upstream((_, response) => response.end('up'));
  const twice = 'Content-Length: 1\r\nContent-Length: 2\r\n\r\n';
  const proof = `Proxy-Authorization: ${basic(token)}\r\n`;
  for (const text of [
    `GET ${up.origin}/x HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n${proof}${twice}`,
    `CONNECT 127.0.0.1:${up.port} HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n${proof}${twice}`,
    `POST /proxy HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nX-AS-Target-URL: ${up.origin}/x\r\nX-AS-Session-Token: ${token}\r\n${twice}`,
    `GET ${up.origin}/x HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n${proof}${proof}${twice}`,
  ])
    assert.match(await raw(at.port, text), /^HTTP\/1\.1 400 [\s\S]*x-tally-entry: /);
  await at.quiet();
  const entries = at.entries();
  assert.deepEqual(
    entries.map(({ outcome, run_id, action }) => [
      outcome?.error_kind,
      run_id !== undefined,
      action?.target?.port,
    ]),
    [
      ['bad_request', true, up.port],
      ['bad_request', true, up.port],
      ['bad_request', true, undefined],
      ['bad_request', false, up.port],
    ],
  );
  assert.equal(at.broker.stats().strays, 0);
  const page = `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\nOrigin: https://page.example\r\n${EMPTY}`;
  for (const bytes of [Buffer.from('160301020001', 'hex'), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', page])
    await raw(at.port, bytes);
  assert.equal(at.entries().length, 4);
  assert.equal(at.broker.stats().strays, 3);
  assert.equal(up.count(), 0);
});

test('what is no request behind one that is under way neither takes its answer away nor gets into it', async (t) => {
  const at = await stage(t);
  const up = await at.upstream(async (request, response) => {
    if (request.url === '/begun') response.writeHead(200, { 'content-length': '8' }).write('four');
    await later(150);
    response.end(request.url === '/begun' ? 'four' : 'whole');
  });
  for (const [path, body] of [
    ['/begun', 'fourfour'],
    ['/waiting', 'whole'],
  ] as const) {
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(at.port, '127.0.0.1', () => {
        socket.write(`GET ${up.origin}${path} HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n\r\n`);
        setTimeout(() => socket.write('\x00\x01 this is no request\r\n\r\n'), 60);
        setTimeout(() => socket.write('and neither is this\r\n\r\n'), 90);
      });
      socket.on('data', (data) => (text += data.toString('latin1'))).on('close', () => resolve(text));
    });
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(answer.split('\r\n\r\n')[1], body);
  }
  await at.quiet();
  assert.deepEqual(
    at
      .entries()
      .filter(({ phase }) => phase === 'post_exec')
      .map(({ outcome }) => outcome?.status),
    ['ok', 'ok'],
  );
});

test('an upgrade behind a request that is being refused ends its connection, and nothing else', async (t) => {
  const at = await stage(t, {
    wrapRecorder: (recorder) => ({
      ...recorder,
      async record(...given) {
        await later(100);
        return recorder.record(...given);
      },
    }),
  });
  const up = await at.upstream((_, response) => response.end('up'));
  const head = `GET ${up.origin}/x HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n`;
  const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`;
  await new Promise((resolve) => {
    const socket = connect(at.port, '127.0.0.1', () => {
      socket.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\n\r\n${head}\r\n`);
      setTimeout(() => socket.write(`${head}${upgrade}`), 40);
    });
    socket.on('error', () => undefined).on('close', resolve);
    socket.resume();
  });
  await at.quiet();
  assert.equal(up.count(), 0);
  assert.deepEqual(at.errors, []);
});

test('an upgrade behind a request that node refuses by itself, for want of a Host, ends its connection and nothing else', async (t) => {
  const at = await stage(t);
  const up = await at.upstream((_, response) => response.end('up'));
  const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`;
  const came: Buffer[] = [];
  await new Promise((resolve) => {
    const socket = connect(at.port, '127.0.0.1', () => {
      socket.write(
        `GET /health HTTP/1.1\r\n\r\nGET ${up.origin}/x HTTP/1.1\r\nHost: 127.0.0.1:${up.port}\r\n${upgrade}`,
      );
    });
    socket.on('error', () => undefined).on('close', resolve);
    socket.on('data', (chunk) => came.push(chunk));
  });
  await at.quiet();
  assert.match(Buffer.concat(came).toString(), /^HTTP\/1\.1 400 /);
  assert.equal(up.count(), 0);
  assert.deepEqual(at.errors, []);
});
