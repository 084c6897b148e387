/** Web pages, rebound names and smuggled requests: what must not come in. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { echo, raw, type Stage, stage, until } from './stage.ts';

async function guarded(t: Parameters<typeof stage>[0]) {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const control = `X-AS-Target-URL: ${up.origin}/\r\nX-AS-Inject-Bearer: KEY\r\n`;
  return { s, up, control };
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

async function assertOnlyBlocked(s: Stage, count: number): Promise<void> {
  await s.quiet();
  const entries = s.entries();
  assert.equal(entries.length, count);
  for (const entry of entries) {
    assert.equal(entry.phase, 'point');
    assert.equal(entry.outcome?.status, 'blocked');
    assert.equal(entry.outcome?.error_kind, 'web_page_refused');
    assert.equal(entry.outcome?.status_code, 403);
  }
}

test('a request under another name is refused: that is what a rebound page sends', async (t) => {
  const { s, up, control } = await guarded(t);
  const hosts = [
    `rebound.attacker.example:${s.port}`,
    'rebound.attacker.example',
    `127.0.0.1.nip.example:${s.port}`,
    `localhost.attacker.example:${s.port}`,
    `localhost:${s.port + 1}`,
    '127.0.0.1',
    `0.0.0.0:${s.port}`,
    `127.0.0.2:${s.port}`,
    `[::]:${s.port}`,
    `localhost.:${s.port}`,
    `user@127.0.0.1:${s.port}`,
  ];
  for (const host of hosts) {
    const answer = await raw(
      s.port,
      `GET /proxy HTTP/1.1\r\nHost: ${host}\r\n${control}Connection: close\r\n\r\n`,
    );
    assert.equal(statusOf(answer), 403, host);
    assert.doesNotMatch(answer, /access-control/i);
  }
  assert.equal(up.count(), 0);
  await assertOnlyBlocked(s, hosts.length);
});

test('loopback names with our port are good', async (t) => {
  const { s, control } = await guarded(t);
  for (const host of [`127.0.0.1:${s.port}`, `localhost:${s.port}`, `LocalHost:${s.port}`, `[::1]:${s.port}`])
    assert.equal(
      statusOf(
        await raw(s.port, `GET /proxy HTTP/1.1\r\nHost: ${host}\r\n${control}Connection: close\r\n\r\n`),
      ),
      200,
      host,
    );
});

test('a request that says it comes from a page is refused, and no answer ever has a CORS header', async (t) => {
  const { s, up } = await guarded(t);
  const headers = { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY' };
  for (const more of [
    { Origin: 'https://attacker.example' },
    { Origin: 'null' },
    { Origin: s.url },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
  ])
    for (const path of ['/proxy', '/health']) {
      const answer = await s.call({ path, headers: { ...headers, ...more } });
      assert.equal(answer.status, 403);
      assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('access-control-')));
    }
  assert.equal(up.count(), 0);
  await assertOnlyBlocked(s, 12);
});

test('a preflight is refused', async (t) => {
  const { s } = await guarded(t);
  const answer = await s.call({
    method: 'OPTIONS',
    headers: {
      Origin: 'https://attacker.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'x-as-target-url, x-as-inject-bearer',
      'Access-Control-Request-Private-Network': 'true',
    },
  });
  assert.equal(answer.status, 403);
  assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('access-control-')));
});

test('an upstream cannot open us to web pages, vouch for scrubbing, or claim an entry', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Credentials': 'true',
      'X-AS-Redacted': 'true',
      'X-Tally-Entry': 'log_forged',
      'Alt-Svc': 'h3=":443"',
      Connection: 'close, X-Hop',
      'X-Hop': 'hidden',
      'X-Kept': 'yes',
    });
    res.end('x');
  });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const { headers } = await s.get(up.origin);
  for (const name of [
    'access-control-allow-origin',
    'access-control-allow-credentials',
    'x-as-redacted',
    'alt-svc',
    'x-hop',
  ])
    assert.equal(headers[name], undefined, name);
  assert.equal(headers['x-kept'], 'yes');
  await s.quiet();
  assert.equal(headers['x-tally-entry'], s.pair().pre.id);
});

test('node’s fetch is no web page', async (t) => {
  const { s, up } = await guarded(t);
  const answer = await fetch(`${s.url}/proxy`, {
    headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY' },
  });
  assert.equal(answer.status, 200);
  await answer.text();
});

test('requests with two meanings reach neither handler nor upstream', async (t) => {
  const { s, up, control } = await guarded(t);
  const head = `POST /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\n${control}`;
  const smuggled = `GET /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\n${control}\r\n`;
  for (const framing of [
    `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
    `Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345${smuggled}`,
    `Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345${smuggled}`,
    `Content-Length: +5\r\n\r\n12345${smuggled}`,
    `Content-Length: 5 5\r\n\r\n12345${smuggled}`,
    `Content-Length : 5\r\n\r\n12345${smuggled}`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\nZZ\r\n${smuggled}`,
    `X-Fold: a\r\n b\r\n\r\n${smuggled}`,
    `\0X: y\r\n\r\n${smuggled}`,
  ]) {
    const answer = await raw(s.port, head + framing);
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status);
    assert.ok(statuses.length <= 1, `${JSON.stringify(framing)} gave ${statuses}`);
    assert.ok(
      statuses.every((status) => status?.startsWith('4')),
      `${JSON.stringify(framing)} gave ${statuses}`,
    );
  }
  await s.quiet();
  assert.equal(up.count(), 0);
});

test('headers that are too large are refused by their size', async (t) => {
  const { s, up, control } = await guarded(t);
  const head = `GET /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\n${control}`;
  const answer = await raw(s.port, `${head}X-Big: ${'y'.repeat(LIMITS.requestHeaderBytes)}\r\n\r\n`);
  assert.equal(statusOf(answer), 431);
  assert.equal(up.count(), 0);
});

test('a line break cannot come in through any header that we write', async (t) => {
  const { s, up } = await guarded(t);
  for (const value of ['https://a.example/\rX: y', 'https://a.example/\nX: y'])
    assert.match(
      await raw(
        s.port,
        `GET /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${value}\r\nX-AS-Inject-Bearer: KEY\r\n\r\n`,
      ),
      /^HTTP\/1\.1 40\d/,
    );
  assert.equal(up.count(), 0);
});

test('a second request before the first answer is refused in its turn, and a caller that leaves then leaves nothing behind', async (t) => {
  const s = await stage(t);
  let cancelled = 0;
  const up = await s.upstream((_req, res) => {
    res.on('close', () => {
      if (!res.writableFinished) cancelled++;
    });
    setTimeout(() => res.end('the first'), 100);
  });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const one = `GET /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${up.origin}/\r\nX-AS-Inject-Bearer: KEY\r\n\r\n`;
  const answers = await raw(s.port, one + one);
  assert.match(answers, /^HTTP\/1\.1 200 OK.*the firstHTTP\/1\.1 400 Bad Request/s);
  assert.equal(up.count(), 1);

  const socket = connect(s.port, '127.0.0.1', () => socket.write(one + one));
  while (up.count() < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  socket.destroy();
  await s.quiet();
  // The upstream sees it on its own time.
  await until(() => cancelled === 1, 'the end of the second call at the upstream');
  assert.equal(s.broker.stats().active, 0);
  const kinds = s.entries().map(({ phase, outcome }) => `${phase} ${outcome?.status ?? ''}`);
  assert.deepEqual(kinds.sort(), [
    'point error',
    'point error',
    'post_exec aborted',
    'post_exec ok',
    'pre_exec ',
    'pre_exec ',
  ]);
});

test('an expectation that nobody can meet is refused, on record', async (t) => {
  const { s, up, control } = await guarded(t);
  const answer = await raw(
    s.port,
    `POST /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\n${control}Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}`,
  );
  assert.equal(statusOf(answer), 417);
  assert.equal(up.count(), 0);
  await s.quiet();
  assert.equal(s.entries()[0]?.outcome?.status_code, 417);
});

test('a client that left Host as its target has it is served, and a page cannot pass for one', async (t) => {
  const { s, up, control } = await guarded(t);
  const ask = (host: string, more = '', head = control) =>
    raw(s.port, `GET /proxy HTTP/1.1\r\nHost: ${host}\r\n${head}${more}Connection: close\r\n\r\n`);
  // What httpx sends when a request to the target is turned round to us on its way.
  assert.equal(statusOf(await ask(`127.0.0.1:${up.port}`)), 200);
  const before = up.count();
  const to = (target: string) => `X-AS-Target-URL: ${target}\r\nX-AS-Inject-Bearer: KEY\r\n`;
  for (const [host, head, more] of [
    // A page of a name that is allowed, rebound: its browser came to our port and says so.
    [`api.example:${s.port}`, to('https://api.example/'), ''],
    [`api.example:${s.port}`, to(`https://api.example:${s.port}/`), ''],
    // Another name than the target's.
    ['other.example', to('https://api.example/'), ''],
    ['api.example:443', to('https://api.example/'), ''],
    ['api.example', to('not a URL'), ''],
    // A page is a page, whatever its Host.
    [`127.0.0.1:${up.port}`, control, 'Origin: https://page.example\r\n'],
    [`127.0.0.1:${up.port}`, control, 'Sec-Fetch-Site: cross-site\r\n'],
  ] as const) {
    const answer = await ask(host, more, head);
    assert.equal(statusOf(answer), 403, `${host} ${head}`);
    assert.match(answer, /web_page_refused/);
  }
  assert.equal(up.count(), before);
});
