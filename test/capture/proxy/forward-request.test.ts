/** What a forwarded request may be, and what of its body is read. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { connectVia } from './connecting.ts';
import { bind, listening, proxied, secret, startRun, via } from './program.ts';
import { raw, stage } from './stage.ts';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('a request that says two things is refused, and on record', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const { host } = new URL(origin);
  const token = await startRun(s);
  const other = await startRun(s);
  for (const [url, headers, error] of [
    [`${origin}/`, { Host: 'elsewhere.example' }, /the Host header says "elsewhere\.example", but/],
    [`${origin}/`, { Host: '127.0.0.1' }, /the Host header says/],
    [`http://user:pass@${host}/`, {}, /has a user name or password in it/],
    [`${origin}/#part`, {}, /has a fragment/],
    [`${origin}/`, { 'X-AS-Target-URL': 'http://elsewhere.example/' }, /X-AS-Target-URL.* does not go with/],
    [`${origin}/`, { 'X-AS-Method': 'DELETE' }, /X-AS-Method.* does not go with/],
    [`${origin}/`, { 'X-HTTP-Method-Override': 'DELETE' }, /would change the method/],
    [`${origin}/`, { 'X-AS-Session-Token': other }, /two different tokens/],
    [`${origin}/`, { 'X-AS-Inject-Bearer': 'KEY', Origin: 'http://page.example' }, /from a web page/],
  ] as const) {
    const answer = await via(s, token, url, { headers: { Host: host, ...headers } });
    assert.equal(answer.status, 400, answer.text);
    assert.match(String(answer.json().error), error);
  }
  const trace = await via(s, token, `${origin}/`, { method: 'TRACE' });
  assert.equal(trace.status, 400);
  await s.quiet();
  assert.equal(s.entries().length, 10);
  assert.ok(s.entries().every(({ outcome }) => outcome?.error_kind === 'bad_request'));
  assert.equal(seen.length, 0);
});

test('other notations of a host are the same host, in the decision and in the Host header', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const { port } = new URL(origin);
  const token = await startRun(s);
  for (const host of [`127.1:${port}`, `0x7f.0.0.1:${port}`, `[::ffff:127.0.0.1]:${port}`]) {
    const answer = await via(s, token, `http://${host}/`, { headers: { Host: host } });
    assert.equal(answer.status, 200, answer.text);
  }
  assert.deepEqual(new Set(seen.map(({ headers }) => headers.host)), new Set([`127.0.0.1:${port}`]));
});

test('a request for the broker itself is refused, under every name', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'] });
  await s.allow(`{ host: me.example, port: ${s.port}, http: true, internal: true }`);
  await s.allow(`{ host: 127.0.0.1, port: ${s.port}, http: true, internal: true }`);
  const token = await startRun(s);
  for (const [host, status] of [
    ['127.0.0.1', 403],
    ['localhost', 403],
    ['127.0.0.2', 403],
    ['me.example', 403],
  ] as const) {
    const answer = await via(s, token, `http://${host}:${s.port}/x`);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json().reason, 'broker_loop');
  }
});

test('a call to what is served beside the broker is refused, however it is made', async (t) => {
  const served = new Set<number>();
  const s = await stage(t, { names: () => ['127.0.0.1'], ownPorts: () => served });
  const up = await s.upstream((_request, response) => response.end('it was let in'));
  await s.allow(`{ host: me.example, port: ${up.port}, http: true, internal: true }`);
  await s.vault.set('KEY', 'the-value-of-it');
  const token = await startRun(s);
  const targets = [up.origin, `http://localhost:${up.port}`, `http://me.example:${up.port}`];
  assert.equal((await s.get(up.origin)).status, 200);
  served.add(up.port);
  for (const target of targets)
    for (const answer of [await s.get(`${target}/decisions`), await via(s, token, `${target}/decisions`)]) {
      assert.equal(answer.status, 403, answer.text);
      assert.equal(answer.json().reason, 'broker_loop');
    }
  // The broker itself by an addressed call, too.
  assert.equal((await s.get(`http://127.0.0.1:${s.port}/proxy`)).json().reason, 'broker_loop');
  for (const host of ['127.0.0.1', 'localhost']) {
    const { status, body, socket } = await connectVia(s.port, `${host}:${up.port}`);
    assert.equal(status, 403);
    assert.match(body, /broker_loop/);
    socket.destroy();
  }
  await s.policy(
    `version: "3"\nidentity: { anonymous: allow }\nallowlist: []\ntunnel: [{ host: me.example, port: ${up.port}, internal: true }]\n`,
  );
  const named = await connectVia(s.port, `me.example:${up.port}`);
  assert.match(named.body, /broker_loop/);
  named.socket.destroy();
  assert.equal(up.count(), 1);
});

test('control headers of a forwarded call name an agent and credentials, and do not travel on', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  await s.vault.set('KEY', 'the-value-of-it');
  const answer = await via(s, token, `${origin}/`, {
    headers: { 'X-AS-Agent-ID': 'me', 'X-AS-Inject-Bearer': 'KEY' },
  });
  assert.equal(answer.status, 200);
  assert.equal(seen[0]?.headers.authorization, 'Bearer the-value-of-it');
  assert.ok(!seen[0]?.raw.some((name) => /^x-as-/i.test(name)));
  await s.quiet();
  assert.equal(s.pair().pre.actor?.agent_id, 'me');
});

test('what is said in a conversation stays as it is, and the record says so', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  await s.vault.set('KEY', 'the-value-of-it');
  await bind(s, origin, 'KEY');
  const key = placeholderFor(token, 'KEY');
  const body = JSON.stringify({
    model: 'x',
    api_key: key,
    messages: [{ role: 'user', content: [{ type: 'tool_result', content: key }] }],
    system: `KEY=${key} and of another run: ${placeholderFor('run_x', 'KEY')}`,
  });
  const answer = await via(s, token, `${origin}/v1/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Api-Key': key },
    body,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(seen[0]?.headers['x-api-key'], 'the-value-of-it');
  assert.equal(seen[0]?.body, body.replace(key, 'the-value-of-it'));
  await s.quiet();
  assert.deepEqual(s.pair().post.metadata?.placeholders_left, ['KEY']);
});

test('a body that streams is hashed as it passes, and a placeholder in it ends the call', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  await s.vault.set('KEY', secret());
  const compressed = gzipSync(randomBytes(100_000));
  const sent = await via(s, token, `${origin}/`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip', Expect: '100-continue' },
    body: compressed,
  });
  assert.equal(sent.status, 200);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.match(pre.action?.args_hash_alg ?? '', /;body=streamed$/);
  assert.equal(post.outcome?.request_hash, sha256(compressed));
  assert.equal(post.outcome?.bytes_in, compressed.length);
  const body = `--x\r\n\r\n${'y'.repeat(70_000)}${placeholderFor(token, 'KEY')}\r\n--x--`;
  const ended = await via(s, token, `${origin}/`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
    body,
  });
  assert.equal(ended.status, 403, ended.text);
  assert.equal(ended.json().reason, 'args_unavailable');
  await s.quiet();
  const last = s.entries().at(-1);
  assert.equal(last?.outcome?.status, 'error');
  assert.equal(last?.outcome?.error_kind, 'args_unavailable');
  assert.match(last?.outcome?.error ?? '', /the placeholder of "KEY" stands in a body that is streamed/);
  // A placeholder of nobody's is a text as any other.
  const text = body.replace(placeholderFor(token, 'KEY'), placeholderFor('run_other', 'KEY'));
  const passed = await via(s, token, `${origin}/`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
    body: text,
  });
  assert.equal(passed.status, 200);
  assert.equal(seen.at(-1)?.body, text);
});

test('a long conversation streams with the placeholders that are spoken of in it', async (t) => {
  const s = await stage(t);
  const { origin, seen } = await listening(s);
  const token = await startRun(s);
  const body = JSON.stringify({ messages: ['z'.repeat(1_200_000), placeholderFor(token, 'KEY')] });
  const answer = await via(s, token, `${origin}/`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(seen[0]?.body.length, body.length);
  await s.quiet();
  assert.deepEqual(s.pair().post.metadata?.placeholders_left, ['KEY']);
});

test('a program that speaks HTTP/1.0 gets an answer that it can read', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => {
    res.write('one ');
    setTimeout(() => res.end('two'), 20);
  });
  const token = await startRun(s);
  const answer = await raw(
    s.port,
    `GET ${up.origin}/ HTTP/1.0\r\nProxy-Authorization: ${proxied(token)}\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /\r\n\r\none two$/);
});

test('a connection that somebody proved to be theirs is nobody else’s afterwards', async (t) => {
  const s = await stage(t);
  const ports: (number | undefined)[] = [];
  const up = await s.upstream((req, res) => {
    ports.push(req.socket.remotePort);
    res.end('x');
  });
  const token = await startRun(s);
  for (const Authorization of ['Bearer a', 'Bearer b', 'Negotiate YII=', 'Bearer c', 'NTLM TlRM', 'Bearer d'])
    assert.equal((await via(s, token, `${up.origin}/`, { headers: { Authorization } })).status, 200);
  const [a, b, negotiate, c, ntlm, d] = ports;
  assert.equal(a, b);
  assert.equal(b, negotiate);
  assert.notEqual(negotiate, c);
  assert.equal(c, ntlm);
  assert.notEqual(ntlm, d);
});
