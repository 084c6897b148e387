/** Bodies in motion: latency, back-pressure, flat memory, and every way in which either side can go away. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { later, listen, type Stage, stage, until } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');

function open(s: Stage, target: string, method = 'GET', headers: Record<string, string> = {}) {
  const outgoing = request(`${s.url}/proxy`, {
    method,
    headers: { 'X-AS-Target-URL': target, 'X-AS-Inject-Bearer': 'KEY', ...headers },
    agent: false,
  });
  const incoming = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
  return { outgoing, incoming };
}

test('server-sent events pass within tens of milliseconds, with their head before the first', async (t) => {
  const s = await stage(t);
  let sentAt = 0;
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.flushHeaders();
    let n = 0;
    const timer = setInterval(() => {
      sentAt = performance.now();
      res.write(`data: event ${n++}\n\n`);
      if (n === 10) {
        clearInterval(timer);
        res.end();
      }
    }, 150);
  });
  await s.vault.set('KEY', secret());
  const { outgoing, incoming } = open(s, up.origin);
  outgoing.end();
  const response = await incoming;
  assert.equal(response.headers['content-type'], 'text/event-stream');
  assert.equal(sentAt, 0, 'the head came before the first event');
  const delays: number[] = [];
  for await (const chunk of response) {
    assert.equal(String(chunk), `data: event ${delays.length}\n\n`);
    delays.push(performance.now() - sentAt);
  }
  assert.equal(delays.length, 10);
  // The median: other work of the machine may stop us for a moment.
  const median = delays.sort((a, b) => a - b)[5] ?? Number.POSITIVE_INFINITY;
  assert.ok(median < 40, `an event took ${median} ms`);
});

test('only the bytes that may begin a credential wait', async (t) => {
  const s = await stage(t);
  const value = secret();
  let finish: () => void = () => undefined;
  const up = await s.upstream((_req, res) => {
    res.write(`visible ${value.slice(0, 10)}`);
    finish = () => res.end('!');
  });
  await s.vault.set('KEY', value);
  const { outgoing, incoming } = open(s, up.origin);
  outgoing.end();
  const response = await incoming;
  const parts: string[] = [];
  response.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
  await until(() => parts.length > 0, 'the first part');
  await later(50);
  assert.equal(parts.join(''), 'visible ');
  finish();
  await until(() => response.complete, 'the end');
  assert.equal(parts.join(''), `visible ${value.slice(0, 10)}!`);
});

test('100 MB pass in each direction with flat memory, unchanged', { timeout: 60_000 }, async (t) => {
  const s = await stage(t);
  const SIZE = 100 * 1024 * 1024;
  const block = randomBytes(1024 * 1024);
  const expected = createHash('sha256');
  for (let i = 0; i < SIZE / block.length; i++) expected.update(block);
  const digest = expected.digest('hex');

  let uploaded = '';
  const up = await s.upstream((req, res) => {
    if (req.method === 'PUT') {
      const hash = createHash('sha256');
      req.on('data', (chunk: Buffer) => hash.update(chunk));
      req.on('end', () => {
        uploaded = hash.digest('hex');
        res.end();
      });
      return;
    }
    let sent = 0;
    const push = (): void => {
      while (sent < SIZE) {
        sent += block.length;
        if (!res.write(block)) {
          res.once('drain', push);
          return;
        }
      }
      res.end();
    };
    push();
  });
  await s.vault.set('KEY', secret());
  // What is really held: what is merely not collected yet depends on how busy the machine is.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, held() - before);
  }, 200);
  t.after(() => clearInterval(watch));

  const down = open(s, up.origin);
  down.outgoing.end();
  const hash = createHash('sha256');
  for await (const chunk of await down.incoming) hash.update(chunk as Buffer);
  assert.equal(hash.digest('hex'), digest);

  const upload = open(s, up.origin, 'PUT', { 'Content-Length': String(SIZE) });
  for (let i = 0; i < SIZE / block.length; i++)
    if (!upload.outgoing.write(block)) await new Promise((resolve) => upload.outgoing.once('drain', resolve));
  upload.outgoing.end();
  (await upload.incoming).resume();
  assert.equal(uploaded, digest);
  clearInterval(watch);
  // Client, broker and upstream share this process; whole bodies would be 100 MB and more.
  assert.ok(peak < 50 * 1024 * 1024, `memory grew by ${Math.round(peak / 1024 / 1024)} MB`);
  await s.quiet();
  const posts = s.entries().filter(({ phase }) => phase === 'post_exec');
  assert.equal(posts[0]?.outcome?.result_hash, digest);
  assert.equal(posts[0]?.outcome?.bytes_out, SIZE);
  assert.equal(posts[1]?.outcome?.request_hash, digest);
  assert.equal(posts[1]?.outcome?.bytes_in, SIZE);
});

test('a caller that reads slowly slows the upstream down', async (t) => {
  const s = await stage(t);
  let sent = 0;
  const up = await s.upstream((_req, res) => {
    const block = Buffer.alloc(256 * 1024, 'x');
    const push = (): void => {
      while (sent < 400 * block.length) {
        sent += block.length;
        if (!res.write(block)) {
          res.once('drain', push);
          return;
        }
      }
      res.end();
    };
    push();
  });
  await s.vault.set('KEY', secret());
  const { outgoing, incoming } = open(s, up.origin);
  outgoing.end();
  const response = await incoming;
  response.pause();
  await later(500);
  assert.ok(sent < 30 * 1024 * 1024, `${sent} bytes were taken from the upstream for nobody`);
  let got = 0;
  for await (const chunk of response) got += (chunk as Buffer).length;
  assert.equal(got, sent);
});

test('an upstream that reads slowly slows the caller down', async (t) => {
  const s = await stage(t);
  let read: () => void = () => undefined;
  const up = await s.upstream((req, res) => {
    req.pause();
    read = () => req.resume().on('end', () => res.end('all of it'));
  });
  await s.vault.set('KEY', secret());
  const { outgoing, incoming } = open(s, up.origin, 'POST', { 'Content-Type': 'text/plain' });
  let taken = 0;
  const block = Buffer.alloc(256 * 1024, 'x');
  const SIZE = 64 * 1024 * 1024;
  const push = (): void => {
    while (taken < SIZE) {
      taken += block.length;
      if (!outgoing.write(block)) {
        outgoing.once('drain', push);
        return;
      }
    }
    outgoing.end();
  };
  push();
  await until(() => up.count() === 1, 'the call');
  await later(300);
  assert.ok(taken < 40 * 1024 * 1024, `${taken} bytes were taken from the caller for nobody`);
  read();
  assert.equal((await incoming).resume().statusCode, 200);
  await s.quiet();
  assert.equal(s.pair().post.outcome?.bytes_in, SIZE);
});

test('a caller that takes nothing for too long is cut off and recorded as a timeout', async (t) => {
  const s = await stage(t, { config: { limits: { clientStallMs: 100 } } });
  const up = await s.upstream((_req, res) => {
    res.on('error', () => undefined);
    const push = (): void => {
      while (res.write(Buffer.alloc(256 * 1024, 'x')));
      res.once('drain', push);
    };
    push();
  });
  await s.vault.set('KEY', secret());
  const { outgoing, incoming } = open(s, up.origin);
  outgoing.end();
  const response = await incoming;
  response.on('error', () => undefined);
  await s.quiet();
  const { post } = s.pair();
  assert.deepEqual([post.outcome?.status, post.outcome?.error_kind], ['timeout', 'client_stalled']);
});

test('a caller that goes away cancels the upstream, before and in the middle of the response', async (t) => {
  const s = await stage(t);
  let cancelled = 0;
  const up = await s.upstream((req, res) => {
    res.on('close', () => cancelled++);
    if (req.url === '/middle') res.write('some of it.');
  });
  await s.vault.set('KEY', secret());
  const early = open(s, `${up.origin}/early`);
  early.outgoing.end();
  await until(() => up.count() === 1, 'the first call');
  early.incoming.catch(() => undefined);
  early.outgoing.destroy();
  await until(() => cancelled === 1, 'the cancellation');

  const middle = open(s, `${up.origin}/middle`);
  middle.outgoing.end();
  const response = await middle.incoming;
  response.on('error', () => undefined);
  await new Promise((resolve) => response.once('data', resolve));
  middle.outgoing.destroy();
  await until(() => cancelled === 2, 'the cancellation');
  await s.quiet();
  const posts = s.entries().filter(({ phase }) => phase === 'post_exec');
  assert.deepEqual(
    posts.map(({ outcome }) => [
      outcome?.status,
      outcome?.error_kind,
      outcome?.status_code,
      outcome?.bytes_out,
    ]),
    [
      ['aborted', 'client_aborted', undefined, 0],
      ['aborted', 'client_aborted', 200, 11],
    ],
  );
});

test('a caller that goes away while its body is read or streamed is on record', async (t) => {
  const s = await stage(t);
  let cancelled = 0;
  const up = await s.upstream((req, res) => {
    req.on('error', () => undefined);
    req.resume();
    res.on('close', () => cancelled++);
  });
  await s.vault.set('KEY', secret());
  const read = open(s, up.origin, 'POST', { 'Content-Type': 'application/json', 'Content-Length': '100' });
  read.incoming.catch(() => undefined);
  read.outgoing.write('{"half":');
  await until(() => s.broker.stats().active === 1, 'the call');
  await later(20);
  read.outgoing.destroy();
  await s.quiet();
  assert.equal(up.count(), 0);
  const [point] = s.entries();
  assert.deepEqual([point?.phase, point?.outcome?.status], ['point', 'aborted']);

  const streamed = open(s, up.origin, 'POST', { 'Content-Type': 'text/plain', 'Content-Length': '100' });
  streamed.incoming.catch(() => undefined);
  streamed.outgoing.write('half of');
  await until(() => up.count() === 1, 'the call');
  streamed.outgoing.destroy();
  await until(() => cancelled === 1, 'the cancellation');
  await s.quiet();
  const post = s.entries().at(-1);
  assert.deepEqual(
    [post?.phase, post?.outcome?.status, post?.outcome?.bytes_in],
    ['post_exec', 'aborted', 7],
  );
});

test('a caller that falls silent in its body is cut off', async (t) => {
  const s = await stage(t, { config: { limits: { requestBodyIdleMs: 80 } } });
  const up = await s.upstream((req) => {
    req.on('error', () => undefined);
    req.resume();
  });
  await s.vault.set('KEY', secret());
  const read = open(s, up.origin, 'POST', { 'Content-Type': 'application/json', 'Content-Length': '100' });
  read.outgoing.write('{');
  assert.equal((await read.incoming).statusCode, 408);
  read.outgoing.destroy();
  const streamed = open(s, up.origin, 'POST', { 'Content-Type': 'text/plain', 'Content-Length': '100' });
  streamed.outgoing.write('x');
  assert.equal((await streamed.incoming).statusCode, 502);
  streamed.outgoing.destroy();
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ phase, outcome }) => [phase, outcome?.status, outcome?.error_kind]),
    [
      ['point', 'timeout', 'client_timeout'],
      ['pre_exec', undefined, undefined],
      ['post_exec', 'timeout', 'client_timeout'],
    ],
  );
});

test('an upstream that breaks off in the middle breaks off for the caller too', async (t) => {
  const s = await stage(t);
  // No form of a credential begins with the full stop, so none of it is held back.
  const server = createTcpServer((socket) => {
    socket.once('data', (data) => {
      const path = /^GET (\S+)/.exec(data.toString('latin1'))?.[1];
      socket.write(
        path === '/length'
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this.'
          : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nonly this.\r\n',
      );
      setTimeout(() => (path === '/reset' ? socket.resetAndDestroy() : socket.destroy()), 60);
    });
  });
  const port = await listen(t, server);
  await s.allow(`{ host: 127.0.0.1, port: ${port}, http: true, internal: true }`);
  await s.vault.set('KEY', secret());
  for (const path of ['/length', '/chunked', '/reset']) {
    await assert.rejects(s.get(`http://127.0.0.1:${port}${path}`), /aborted/, path);
    await s.quiet();
    const post = s.entries().at(-1);
    assert.equal(post?.outcome?.status, 'error', path);
    assert.match(post?.outcome?.error_kind ?? '', /connection_lost|bad_response/);
    assert.equal(post?.outcome?.status_code, 200);
    assert.equal(post?.outcome?.bytes_out, 10);
    assert.equal(post?.outcome?.result_hash, createHash('sha256').update('only this.').digest('hex'));
  }
});

test('an upstream that answers nothing, and one that falls silent, are timeouts', async (t) => {
  const s = await stage(t, { config: { limits: { upstreamHeadersMs: 300, upstreamIdleMs: 300 } } });
  const up = await s.upstream((req, res) => {
    if (req.url === '/silent') res.write('a beginning');
  });
  await s.vault.set('KEY', secret());
  assert.equal((await s.get(`${up.origin}/nothing`)).status, 502);
  await assert.rejects(s.get(`${up.origin}/silent`));
  await s.quiet();
  const posts = s.entries().filter(({ phase }) => phase === 'post_exec');
  for (const { outcome } of posts)
    assert.deepEqual([outcome?.status, outcome?.error_kind], ['timeout', 'upstream_timeout']);
});

test('a response that comes before the body has been sent reaches the caller', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    req.on('error', () => undefined);
    res.writeHead(413);
    res.end('too much');
  });
  await s.vault.set('KEY', secret());
  const { outgoing, incoming } = open(s, up.origin, 'POST', { 'Content-Type': 'text/plain' });
  outgoing.on('error', () => undefined);
  let sending = true;
  const block = Buffer.alloc(64 * 1024, 'x');
  (async () => {
    while (sending)
      if (!outgoing.write(block))
        await Promise.race([new Promise((r) => outgoing.once('drain', r)), later(50)]);
  })();
  const response = await incoming;
  sending = false;
  assert.equal(response.statusCode, 413);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  assert.equal(text, 'too much');
  outgoing.destroy();
  await s.quiet();
  assert.equal(s.pair().post.outcome?.status, 'ok');
});

test('a refused caller that is still sending reads its answer', async (t) => {
  const s = await stage(t);
  const { outgoing, incoming } = open(s, 'https://elsewhere.example/', 'POST', {
    'Content-Type': 'text/plain',
  });
  outgoing.on('error', () => undefined);
  outgoing.write(Buffer.alloc(512 * 1024, 'x'));
  const response = await incoming;
  assert.equal(response.statusCode, 403);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  assert.match(text, /empty_allowlist/);
  outgoing.destroy();
});
