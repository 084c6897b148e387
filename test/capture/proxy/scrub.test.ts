/** An upstream that echoes the credential, in every way we could think of, must not hand it to the agent. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
  brotliCompressSync,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { type Answer, echo, listen, raw, type Stage, stage } from './stage.ts';

/** Has characters that every encoder treats differently. */
const secret = () => `sk/${randomBytes(9).toString('base64')}"&<é+ ${randomBytes(6).toString('hex')}`;
const plainSecret = () => randomBytes(18).toString('base64url');
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const FORMS: Record<string, (value: string) => string> = {
  plain: (value) => value,
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 inside a text': (value) => Buffer.from(`{"k":"${value}"}`).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  hex: (value) => Buffer.from(value).toString('hex'),
  'upper-case hex': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  URL: (value) => encodeURIComponent(value),
  form: (value) => new URLSearchParams({ k: value }).toString().slice(2),
  JSON: (value) => JSON.stringify(value).slice(1, -1),
  'JSON with escaped slashes': (value) => JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
  'JSON in JSON': (value) => JSON.stringify(JSON.stringify(value)).slice(3, -3),
  HTML: (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
};

function assertClean(answer: Answer, value: string): void {
  const seen = `${JSON.stringify(answer.headers)} ${JSON.stringify(answer.trailers)} ${answer.text}`;
  for (const [name, form] of Object.entries(FORMS))
    if (name !== 'base64 inside a text')
      assert.ok(!seen.includes(form(value)), `${name} came through: ${seen}`);
}

/** Header-safe styles cannot carry the difficult value; the query can. */
const viaQuery = (s: Stage, target: string) =>
  s.call({ headers: { 'X-AS-Target-URL': target, 'X-AS-Inject-Query-k': 'KEY' } });

test('every encoding is replaced, cut at every byte', async (t) => {
  const value = secret();
  const s = await stage(t);
  const names = Object.keys(FORMS);
  const echoed = names.map((name) => Buffer.from(FORMS[name]?.(value) ?? ''));
  const up = await s.upstream((req, res) => {
    const [, form, cut] = /^\/(\d+)\/(\d+)/.exec(req.url ?? '') ?? [];
    const bytes = echoed[Number(form)] ?? Buffer.alloc(0);
    res.write(Buffer.concat([Buffer.from('before '), bytes.subarray(0, Number(cut))]));
    setTimeout(() => res.end(Buffer.concat([bytes.subarray(Number(cut)), Buffer.from(' after')])), 2);
  });
  await s.vault.set('KEY', value);
  for (const [form, bytes] of echoed.entries())
    await Promise.all(
      Array.from({ length: bytes.length + 1 }, async (_, cut) => {
        const where = `${names[form]} cut at ${cut}`;
        const answer = await viaQuery(s, `${up.origin}/${form}/${cut}`);
        assertClean(answer, value);
        assert.ok(answer.text.includes('[REDACTED:KEY]'), `${where}: ${answer.text}`);
        assert.ok(answer.text.startsWith('before ') && answer.text.endsWith(' after'), where);
        assert.equal(answer.headers['x-as-redacted'] ?? answer.trailers['x-as-redacted'], 'true', where);
      }),
    );
  await s.quiet();
  const posts = s.entries().filter(({ phase }) => phase === 'post_exec');
  assert.ok(posts.every(({ outcome }) => outcome?.redacted === true && (outcome.redaction?.count ?? 0) > 0));
});

test('a response in one piece says so in its header and has the length of what is sent', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const text = `you sent ${req.headers.authorization}, thanks`;
    if (req.url === '/known') res.setHeader('Content-Length', Buffer.byteLength(text));
    res.end(text);
  });
  await s.vault.set('KEY', value);
  for (const path of ['/known', '/unknown']) {
    const answer = await s.get(up.origin + path);
    assert.equal(answer.text, 'you sent Bearer [REDACTED:KEY], thanks');
    assert.equal(answer.headers['x-as-redacted'], 'true');
    assert.equal(answer.headers['content-length'], String(answer.body.length));
    await s.quiet();
    const post = s.entries().at(-1);
    assert.equal(post?.outcome?.result_hash, sha256(answer.body));
    assert.equal(post?.outcome?.bytes_out, answer.body.length);
    assert.deepEqual(post?.outcome?.redaction, { count: 1, rules: { KEY: 1 } });
  }
});

test('a response that streams says so in a trailer, and its hash is of what was sent', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    res.write('first ');
    setTimeout(() => res.end(`then ${req.headers.authorization}`), 50);
  });
  await s.vault.set('KEY', value);
  const answer = await s.get(up.origin);
  assert.equal(answer.text, 'first then Bearer [REDACTED:KEY]');
  assert.equal(answer.headers['x-as-redacted'], undefined);
  assert.equal(answer.trailers['x-as-redacted'], 'true');
  await s.quiet();
  assert.equal(s.pair().post.outcome?.result_hash, sha256(answer.body));
});

test('headers, the redirect target and trailers are scrubbed', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const token = (req.headers.authorization ?? '').slice('Bearer '.length);
    res.writeHead(307, {
      Location: `https://other.example/${token}/x?t=${token}`,
      'X-Echo': [`a ${token}`, Buffer.from(token).toString('hex')],
      [`X-${token}`]: 'name',
      Trailer: 'X-Check',
    });
    res.write('x');
    res.addTrailers({ 'X-Check': `t ${token}`, 'X-AS-Redacted': 'false', 'Set-Cookie': 'a=b' });
    setTimeout(() => res.end(), 50);
  });
  await s.vault.set('KEY', value);
  const answer = await s.get(up.origin);
  assertClean(answer, value);
  assert.equal(answer.headers.location, 'https://other.example/[REDACTED:KEY]/x?t=[REDACTED:KEY]');
  assert.equal(answer.headers['x-echo'], 'a [REDACTED:KEY], [REDACTED:KEY]');
  assert.ok(
    !Object.keys(answer.headers).some((name) => name.startsWith('x-') && answer.headers[name] === 'name'),
  );
  assert.equal(answer.headers['x-as-redacted'], 'true');
  assert.equal(answer.trailers['x-check'], 't [REDACTED:KEY]');
  assert.equal(answer.trailers['x-as-redacted'], 'true');
  assert.equal(answer.trailers['set-cookie'], undefined);
  await s.quiet();
  const log = JSON.stringify(s.entries());
  assert.ok(!log.includes(value));
  assert.match(String(s.pair().post.metadata?.redirect), /^https:\/\/other\.example\/.*REDACTED/);
});

test('a credential that is in nothing but a trailer is replaced, told and counted', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, { Trailer: 'X-Check' });
    res.write('nothing here');
    res.addTrailers({ 'X-Check': value });
    setTimeout(() => res.end(), 50);
  });
  await s.vault.set('KEY', value);
  const answer = await s.get(up.origin);
  assert.equal(answer.trailers['x-check'], '[REDACTED:KEY]');
  assert.equal(answer.trailers['x-as-redacted'], 'true');
  await s.quiet();
  assert.deepEqual(s.pair().post.outcome?.redaction, { count: 1, rules: { KEY: 1 } });
});

test('the reason phrase of the upstream is not passed on', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, `OK ${value}`);
    res.end('x');
  });
  await s.vault.set('KEY', value);

  const answer = await raw(
    s.port,
    `GET /proxy HTTP/1.1\r\nHost: 127.0.0.1:${s.port}\r\nX-AS-Target-URL: ${up.origin}\r\nX-AS-Inject-Bearer: KEY\r\nConnection: close\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(!answer.includes(value));
});

test('the password of a basic credential is replaced on its own too', async (t) => {
  const password = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const [user, pass] = Buffer.from((req.headers.authorization ?? '').slice(6), 'base64')
      .toString()
      .split(':');
    res.end(JSON.stringify({ authenticated: true, user, pass, raw: req.headers.authorization }));
  });
  await s.vault.set('KEY', `someone:${password}`);
  const answer = await s.call({ headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Basic': 'KEY' } });
  assert.deepEqual(answer.json(), {
    authenticated: true,
    user: 'someone',
    pass: '[REDACTED:KEY]',
    raw: 'Basic [REDACTED:KEY]',
  });
});

test('a credential that a server reads as ISO 8859-1 and writes back as UTF-8 is replaced', async (t) => {
  const s = await stage(t);
  const up = await s.upstream(echo);
  const value = `clé-${plainSecret()}-été`;
  await s.vault.set('KEY', value);
  const answer = await s.get(up.origin);
  assert.match(answer.text, /Bearer \[REDACTED:KEY/);
  assert.ok(!answer.text.includes(Buffer.from(value).toString('latin1')));
  assert.ok(!answer.text.includes(value.slice(4, -4)));
});

test('several credentials of one call are all replaced, each under its name', async (t) => {
  const [a, b] = [plainSecret(), plainSecret()];
  const s = await stage(t);
  const up = await s.upstream((req, res) =>
    res.end(`${req.headers.authorization} ${req.headers['x-api-key']}`),
  );
  await s.vault.set('A', a);
  await s.vault.set('B', b);
  const answer = await s.call({
    headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'A', 'X-AS-Inject-Header-X-Api-Key': 'B' },
  });
  assert.equal(answer.text, 'Bearer [REDACTED:A] [REDACTED:B]');
  await s.quiet();
  assert.deepEqual(s.pair().post.outcome?.redaction, { count: 2, rules: { A: 1, B: 1 } });
});

test('an upstream that compresses unasked is decoded, scrubbed and sent on plain', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const padding = 'some text around it. '.repeat(5_000);
  const codings: Record<string, (text: Buffer) => Buffer> = {
    gzip: gzipSync,
    deflate: deflateSync,
    'x-gzip': gzipSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
    'gzip, br': (text) => brotliCompressSync(gzipSync(text)),
  };
  let accepted: string | undefined;
  const up = await s.upstream((req, res) => {
    accepted = req.headers['accept-encoding'];
    const [, name = ''] = decodeURIComponent(req.url ?? '').split('/');
    const text = Buffer.from(`${padding}${req.headers.authorization}${padding}`);
    const raw = name === 'raw';
    const packed = raw ? deflateRawSync(text) : (codings[name] ?? gzipSync)(text);
    res.writeHead(200, {
      'Content-Encoding': raw ? 'deflate' : name,
      'Content-Length': packed.length,
      ETag: '"of the packed body"',
      'Content-Type': 'text/plain',
    });
    res.end(packed);
  });
  await s.vault.set('KEY', value);
  for (const name of [...Object.keys(codings), 'raw']) {
    const answer = await s.get(`${up.origin}/${encodeURIComponent(name)}`, {
      'Accept-Encoding': 'gzip, br, zstd',
    });
    assert.equal(answer.text, `${padding}Bearer [REDACTED:KEY]${padding}`, name);
    assert.equal(answer.headers['content-encoding'], undefined);
    assert.equal(answer.headers.etag, undefined);
    assert.equal(answer.headers['content-type'], 'text/plain');
  }
  assert.equal(accepted, 'identity');
  await s.quiet();
  assert.ok(s.entries().every(({ phase, outcome }) => phase === 'pre_exec' || outcome?.status === 'ok'));
});

test('every frame of a zstd body is seen', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const auth = req.headers.authorization ?? '';
    const frames = ['one ', 'two ', auth.slice(0, 15), auth.slice(15), ' end'].map((text) =>
      zstdCompressSync(Buffer.from(text)),
    );
    res.writeHead(200, { 'Content-Encoding': 'zstd' });
    res.end(Buffer.concat(frames));
  });
  await s.vault.set('KEY', value);
  assert.equal((await s.get(up.origin)).text, 'one two Bearer [REDACTED:KEY] end');
});

/** The head of a gzip file and one byte: nothing decodes, so that the answer has not begun when its end is missing. */
const CUT = 11;

test('a coding that cannot be undone, and one that does not decode, end in a 502', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    res.writeHead(200, { 'Content-Encoding': req.url === '/unknown' ? 'x-own' : 'gzip' });
    res.end(req.url === '/cut' ? gzipSync('hello there').subarray(0, CUT) : 'not compressed at all');
  });
  await s.vault.set('KEY', plainSecret());
  for (const path of ['/unknown', '/wrong', '/cut']) {
    const answer = await s.get(up.origin + path);
    assert.equal(answer.status, 502, path);
    assert.equal(answer.json().reason, 'bad_response');
  }
  await s.quiet();
  for (const { phase, outcome } of s.entries())
    if (phase === 'post_exec')
      assert.deepEqual([outcome?.status, outcome?.error_kind], ['error', 'bad_response']);
});

test('a compressed stream of events passes event by event', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' });
    const gzip = createGzip();
    gzip.pipe(res);
    gzip.write('data: one\n\n');
    gzip.flush();
    // Nothing more comes: the first event has to pass without a second one behind it.
  });
  await s.vault.set('KEY', plainSecret());
  const answer = await fetch(`${s.url}/proxy`, {
    headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY' },
  });
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  assert.equal(Buffer.from(first?.value ?? []).toString(), 'data: one\n\n');
  await reader?.cancel();
});

test('an upstream’s broken bytes, which parsers quote in their errors, appear nowhere', async (t) => {
  const value = plainSecret();
  const s = await stage(t);
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      const path = /^GET (\S+)/.exec(data.toString('latin1'))?.[1];
      if (path === '/garbage') socket.end(`${data.toString('latin1')} is no response`);
      else if (path === '/header') socket.end(`HTTP/1.1 200 OK\r\nX-Bad\0${value}: ${value}\r\n\r\n`);
      else if (path === '/length')
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 10, 20\r\nX: ${value}\r\n\r\n`);
      else socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${value}\r\n`);
    });
  });
  const port = await listen(t, server);
  await s.allow(`{ host: 127.0.0.1, port: ${port}, http: true, internal: true }`);
  await s.vault.set('KEY', value);
  // The head was good, and may be on its way to the caller before the body turns out not to be.
  await assert.rejects(s.get(`http://127.0.0.1:${port}/chunk`), /aborted/);
  for (const path of ['/garbage', '/header', '/length']) {
    const answer = await s.get(`http://127.0.0.1:${port}${path}`);
    assert.equal(answer.status, 502, `${path} ${answer.text}`);
    assertClean(answer, value);
  }
  await s.quiet();
  assert.ok(!Buffer.concat([...s.box.disk.segments.values()]).includes(value));
  assert.deepEqual(s.errors, []);
});
