/** What an upstream may send that is no proper answer: it ends its own call, on record, and costs nothing else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { constants, createZstdCompress, gzipSync } from 'node:zlib';
import { LIMITS } from '../../../src/core/limits.ts';
import { listen, type Stage, stage, until } from './stage.ts';

async function hostile(
  t: TestContext,
  answer: (socket: Socket) => void,
): Promise<{ at: Stage; origin: string }> {
  const at = await stage(t);
  await at.vault.set('KEY', Buffer.from(randomBytes(16).toString('hex')));
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => answer(socket));
  });
  const port = await listen(t, server);
  await at.allow(`{ host: 127.0.0.1, port: ${port}, http: true, internal: true }`);
  return { at, origin: `http://127.0.0.1:${port}` };
}

test('what is no response, or has two meanings, is a 502 that says so, and nothing of it is passed on', async (t) => {
  let sent: string | Buffer = '';
  const { at, origin } = await hostile(t, (socket) => socket.write(sent));
  const gzip = gzipSync('hello');
  const heads = [
    'SSH-2.0-OpenSSH_9.9\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhellox',
    'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: x\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX-A: a\r\n Set-Cookie: x\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok',
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${gzip.length.toString(16)}\r\n`,
      ),
      gzip,
      Buffer.from('\r\n0\r\n\r\n'),
    ]),
  ];
  for (sent of heads) {
    const answer = await at.get(`${origin}/x`);
    assert.equal(answer.status, 502, sent.toString('latin1'));
    assert.equal(answer.json().reason, 'bad_response', sent.toString('latin1'));
  }
  await at.quiet();
  const ends = at.entries().filter(({ phase }) => phase === 'post_exec');
  assert.equal(ends.length, heads.length);
  for (const { outcome } of ends) assert.equal(outcome?.error_kind, 'bad_response');
  assert.deepEqual(at.errors, []);
});

test('interim responses without end are ended, and few of them lie before a caller that does not read', async (t) => {
  let written = 0;
  const { at, origin } = await hostile(t, (socket) => {
    const hint = `HTTP/1.1 103 Early Hints\r\nLink: </${'x'.repeat(8_000)}>; rel=preload\r\n\r\n`;
    const go = (): void => {
      while (!socket.destroyed && written < 20_000) {
        written++;
        if (socket.write(hint)) continue;
        socket.once('drain', go);
        return;
      }
    };
    go();
  });
  const caller = connect(Number(new URL(at.url).port), '127.0.0.1', () => {
    caller.pause();
    caller.write(`GET ${origin}/x HTTP/1.1\r\nHost: ${new URL(origin).host}\r\n\r\n`);
  });
  await until(() => at.entries().some(({ phase }) => phase === 'post_exec'), 'the end of the call', 20_000);
  let text = '';
  caller.on('data', (data: Buffer) => (text += data.toString('latin1')));
  caller.resume();
  await until(() => text.includes('bad_response'), 'the answer');
  caller.destroy();
  assert.equal(text.split('HTTP/1.1 103').length - 1, LIMITS.earlyHints);
  assert.equal(at.entries().at(-1)?.outcome?.error_kind, 'bad_response');
});

test('a compressed body that wants more memory than HTTP gives it is refused', async (t) => {
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 27 } });
  const parts: Buffer[] = [];
  zstd.on('data', (part: Buffer) => parts.push(part));
  zstd.write(randomBytes(9_000));
  zstd.end('some more');
  await once(zstd, 'end');
  const body = Buffer.concat(parts);
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: ${body.length}\r\n\r\n`;
  const { at, origin } = await hostile(t, (socket) => socket.write(Buffer.concat([Buffer.from(head), body])));
  const answer = await at.get(`${origin}/x`);
  assert.equal(answer.status, 502);
  assert.equal(answer.json().reason, 'bad_response');
});

test('an answer whose end only the connection tells is whole when that ends, and cut when it is reset', async (t) => {
  let upstream: Socket | undefined;
  const { at, origin } = await hostile(t, (socket) => {
    upstream = socket;
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe first part');
  });
  const begin = async () => {
    const response = await fetch(`${at.url}/proxy`, {
      headers: { 'X-AS-Target-URL': `${origin}/x`, 'X-AS-Inject-Bearer': 'KEY' },
    });
    const reader = response.body?.getReader();
    // Its last characters could be the first of a credential, and wait for what follows.
    let text = Buffer.from((await reader?.read())?.value ?? []).toString();
    assert.match(text, /^the first/);
    return async () => {
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
        text += Buffer.from(part.value).toString();
      return text;
    };
  };
  const whole = await begin();
  upstream?.end();
  assert.equal(await whole(), 'the first part');
  const cut = await begin();
  upstream?.resetAndDestroy();
  await assert.rejects(cut(), 'the caller must not take it for whole');
  await at.quiet();
  assert.deepEqual(
    at
      .entries()
      .flatMap(({ outcome }) => (outcome === undefined ? [] : [[outcome.status, outcome.error_kind]])),
    [
      ['ok', undefined],
      ['error', 'connection_lost'],
    ],
  );
});
