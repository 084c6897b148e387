import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { createGateway } from '../../../src/capture/mcp/gateway/gateway.ts';
import { createGatewaySessions, type Opened } from '../../../src/capture/mcp/gateway/sessions.ts';
import { createSseReader, type SseEvent } from '../../../src/capture/mcp/gateway/sse.ts';
import { openUpstream } from '../../../src/capture/mcp/gateway/upstream.ts';
import { createRecording } from '../../../src/capture/mcp/recording.ts';
import { ownRun } from '../../../src/capture/mcp/run.ts';
import { createSession } from '../../../src/capture/mcp/session.ts';
import { createRedactor } from '../../../src/core/redact/redact.ts';
import { ulidSource } from '../../../src/core/ulid.ts';
import { random } from '../../../src/open/lock.ts';
import type { Ask } from '../../../src/recorder/ops.ts';
import { entriesOf, machine } from '../../support/recorder.ts';
import { serviceOf } from '../../support/serve.ts';
import { call } from './stage.ts';

test('events are read whatever the chunks, and beyond the limit passed over', () => {
  const line = fc.constantFrom(
    'data: a',
    'data:b',
    'event: endpoint',
    ': note',
    'id: 1',
    'data',
    '',
    'data: \u00fc',
    'x',
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      cuts,
      (lines, end, sizes) => {
        const bytes = Buffer.from([...lines, '', ''].join(end));
        const read = (chunks: readonly Buffer[]): SseEvent[] => {
          const events: SseEvent[] = [];
          const reader = createSseReader(
            1_000,
            (event) => events.push(event),
            () => assert.fail('none is long'),
          );
          for (const chunk of chunks) reader.push(chunk);
          return events;
        };
        const pieces: Buffer[] = [];
        let at = 0;
        for (const size of sizes) {
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(read([...pieces, bytes.subarray(at)]), read([bytes]));
      },
    ),
    { numRuns: 1_000 },
  );
  let long = 0;
  const seen: string[] = [];
  const reader = createSseReader(
    10,
    ({ data }) => seen.push(data),
    () => long++,
  );
  reader.push(Buffer.from(`data: ${'x'.repeat(50)}`));
  reader.push(Buffer.from('\n\ndata: y\n\n'));
  assert.deepEqual([long, seen], [1, ['y']]);
});

test('an upstream is https, and leads nowhere that was not said', async () => {
  const at = (address: string) => async () => [address];
  const open = (url: string, address: string, more: { http?: boolean; internal?: boolean } = {}) =>
    openUpstream({ url, http: more.http === true, internal: more.internal === true, resolve: at(address) });
  assert.throws(() => open('http://mcp.example/mcp', '93.184.216.34'), { code: 'USAGE' });
  assert.throws(() => open('https://a:b@mcp.example/', '93.184.216.34'), { code: 'USAGE' });
  assert.throws(() => open('https://metadata.google.internal/', '93.184.216.34'), { code: 'CALL_FAILED' });
  await open('https://mcp.example/mcp', '93.184.216.34').check();
  await open('https://mcp.example/mcp', '10.0.0.7', { internal: true }).check();
  for (const [address, more] of [
    ['127.0.0.1', {}],
    ['10.0.0.7', {}],
    ['::ffff:10.0.0.7', {}],
    ['169.254.169.254', { internal: true }],
  ] as const)
    await assert.rejects(open('https://mcp.example/mcp', address, more).check(), { code: 'CALL_FAILED' });
  await assert.rejects(open('http://mcp.example/mcp', '93.184.216.34', { http: true }).check(), {
    code: 'CALL_FAILED',
  });
});

const POLICY = `version: "1"
allowlist: [{ host: 127.0.0.1, http: true, internal: true, port: PORT }]
tools: { mcp.u.delete: { interactive: { permission: stop } } }
defaults: { interactive: { permission: allow } }
`;

test('bodies go to the upstream as they came, with the credential, which never comes back', async () => {
  const secret = `tok_${'s3cr3t'.repeat(4)}`;
  const got: { body: string; authorization: string | undefined; id: string | undefined }[] = [];
  const upstream = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { authorization, 'mcp-session-id': id } = request.headers;
      got.push({ body, authorization, id: id === undefined ? undefined : String(id) });
      const message = JSON.parse(body) as { id: number; params?: { name?: string } };
      if (message.params?.name === 'down') {
        response.writeHead(503).end('no');
        return;
      }
      const text = `you said ${authorization}`;
      response.writeHead(200, {
        'content-type': 'application/json',
        'mcp-session-id': 's1',
        'access-control-allow-origin': '*',
      });
      response.end(
        JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text }] } }),
      );
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const box = await machine();
  const recorder = await box.open({ policy: POLICY.replace('PORT', String(port)), owner: { id: 'ada' } });
  const { handle } = serviceOf(recorder);
  const ask: Ask = (op, params) => handle(op, params, { surface: 'mcp', user: 'ada', uid: 1000, pid: 7 });
  const ulid = ulidSource(random);
  const target = openUpstream({
    url: `http://127.0.0.1:${port}/mcp?k=v`,
    http: true,
    internal: false,
    resolve: async (host) => [host],
  });
  async function open(): Promise<Opened> {
    const run = ownRun(ask, { command: 'mcp gateway' }, () => performance.now());
    const recording = createRecording({
      ask,
      run,
      makeId: () => `log_${ulid(Date.now())}`,
      hide: (text) => text,
      without: async (_asked, cause) => Promise.reject(cause),
      lost: (count) => assert.fail(`${count} lost`),
      warn: assert.fail,
    });
    const session = createSession({ server: 'u', recording, framed: false, target: target.target });
    return {
      session,
      async close(words) {
        session.end({ kind: 'client_left', words });
        await recording.close();
        await run.end({ status: 'ok' });
      },
    };
  }
  const redactor = createRedactor();
  redactor.setSecret('MCP_KEY', secret);
  const gateway = createGateway({
    upstream: target,
    sessions: createGatewaySessions(open, () => performance.now()),
    bearer: { get: async () => secret, refused: () => undefined },
    scrubber: () => redactor.scrubber(),
    mayCall: async () => true,
    warn: assert.fail,
  });
  const url = `http://127.0.0.1:${await gateway.listen(0)}/mcp?k=v`;
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', authorization: 'Bearer mine', ...headers },
    });
  try {
    const odd =
      '{\r\n "jsonrpc": "2.0", "id": 1,\r\n "method": "tools/call", "params": {"name": "read", "arguments": {}}}';
    const answered = await post(odd, { 'mcp-session-id': 's1' });
    const text = await answered.text();
    assert.ok(!text.includes(secret) && text.includes('[REDACTED:MCP_KEY]'), text);
    assert.equal(answered.headers.get('access-control-allow-origin'), null);
    assert.deepEqual(got, [{ body: odd, authorization: `Bearer ${secret}`, id: 's1' }]);
    const stopped = (await (await post(JSON.stringify(call(2, 'delete')))).json()) as {
      result: { isError: boolean };
    };
    assert.equal(stopped.result.isError, true);
    const batch = await (await post(JSON.stringify([call(3, 'read'), call(4, 'delete')]))).text();
    assert.match(batch, /^\[.*Tallystick stopped mcp\.u\.delete.*\]$/s);
    assert.equal(got.length, 1);
    assert.equal((await post(JSON.stringify(call(5, 'down')), { 'mcp-session-id': 's1' })).status, 503);
    assert.equal((await post('{}', { 'content-encoding': 'gzip' })).status, 415);
    assert.equal((await fetch(url, { method: 'OPTIONS' })).status, 405);
    assert.equal((await fetch(url.replace('?k=v', ''), { method: 'POST', body: '{}' })).status, 404);
    assert.equal(
      (await fetch(url, { method: 'POST', body: '{}', headers: { origin: 'https://x.example' } })).status,
      403,
    );
  } finally {
    await gateway.close();
    upstream.close();
    upstream.closeAllConnections();
  }
  await recorder.close('test');
  const entries = entriesOf(box.disk);
  const ends = entries
    .filter(({ type }) => type === 'tool.result')
    .map(({ parent_id, outcome }) => [
      entries.find(({ id }) => id === parent_id)?.action?.name,
      outcome?.status,
      outcome?.error_kind,
    ]);
  assert.deepEqual(ends.sort(), [
    ['mcp.u.delete', 'blocked', 'policy_denied'],
    ['mcp.u.delete', 'blocked', 'policy_denied'],
    ['mcp.u.down', 'error', 'http_503'],
    ['mcp.u.read', 'aborted', 'batch_refused'],
    ['mcp.u.read', 'ok', undefined],
  ]);
  const unread = entries.find(({ outcome }) => outcome?.error_kind === 'unclear_message');
  assert.deepEqual([unread?.type, unread?.phase, unread?.outcome?.status], ['tool.call', 'point', 'blocked']);
  assert.match(unread?.outcome?.error ?? '', /compressed \(gzip\)/);
  assert.ok(!JSON.stringify(entries).includes(secret));
});
