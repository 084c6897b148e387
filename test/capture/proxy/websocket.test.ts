/** WebSockets through the broker: decided and recorded as a call, then passed in both directions. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { makeAuthority } from './certificates.ts';
import { basic, connectVia, requestOn, secure } from './connecting.ts';
import { startRun } from './program.ts';
import { type Stage, type StageOptions, stage, type Upstream, until } from './stage.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const acceptOf = (key: string): string => createHash('sha1').update(`${key}${GUID}`).digest('base64');

interface Sockets {
  readonly at: Stage;
  readonly up: Upstream;
  readonly authority: string;
  /** Requests for an upgrade that came. */
  readonly seen: IncomingMessage[];
}

type Answering = (request: IncomingMessage, socket: Duplex, accept: string) => void;

/** Agrees, and sends back what it gets. */
const agree: Answering = (_request, socket, accept) => {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Other: yes\r\n\r\nfirst `,
  );
  socket.pipe(socket);
};

async function sockets(
  t: TestContext,
  answering: Answering = agree,
  options: StageOptions = {},
): Promise<Sockets> {
  const ca = makeAuthority(t);
  const at = await stage(t, {
    ...options,
    config: { extraCa: [ca.ca], ...options.config },
    names: () => ['127.0.0.1'],
  });
  const up = await at.upstream((_request, response) => response.writeHead(426).end('upgrade me'), {
    tls: ca.issue('DNS:ws.test'),
    host: 'ws.test',
  });
  const seen: IncomingMessage[] = [];
  (up.server as Server).on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    seen.push(request);
    socket.on('error', () => undefined);
    answering(request, socket, acceptOf(request.headers['sec-websocket-key'] ?? ''));
  });
  return { at, up, authority: `ws.test:${up.port}`, seen };
}

interface Opened {
  readonly head: string;
  readonly socket: Duplex;
  /** All that came after the head so far. */
  readonly received: () => string;
}

function handshake(
  socket: Duplex,
  authority: string,
  headers: Record<string, string> = {},
  path = '/socket?room=1',
): Promise<Opened> {
  const key = randomBytes(16).toString('base64');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${lines.join('')}\r\n`,
  );
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end !== -1) resolve({ head: text.slice(0, end), socket, received: () => text.slice(end + 4) });
    });
    socket.on('close', () => reject(new Error(`closed after ${text}`)));
    socket.resume();
  });
}

async function open(
  { at, authority }: Sockets,
  headers?: Record<string, string>,
  token?: string,
): Promise<Opened> {
  const asked = token === undefined ? {} : { 'Proxy-Authorization': basic(token) };
  const { socket } = await connectVia(at.port, authority, asked);
  return handshake(await secure(at, socket, 'ws.test'), authority, headers);
}

test('a WebSocket is a call that stands: bytes pass both ways, and how many is on record', async (t) => {
  const all = await sockets(t);
  const { at } = all;
  const { head, socket, received } = await open(all, { Origin: 'https://page.example' });
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.match(head, /\r\nx-other: yes/i);
  assert.match(head, /\r\nsec-websocket-accept: /i);
  assert.match(head, /\r\nX-Tally-Entry: /);
  assert.equal(all.seen[0]?.headers.origin, 'https://page.example');
  socket.write('x'.repeat(20_000));
  await until(() => received().length === 20_006, 'the echo');
  assert.ok(received().startsWith('first '));
  assert.equal(at.broker.stats().tunnels, 1);
  socket.end();
  await once(socket, 'close');
  await at.quiet();
  const { pre, post } = at.pair();
  assert.equal(pre.action?.name, 'http.call');
  assert.equal(pre.action?.target?.path, '/socket');
  const { status, status_code, bytes_in, bytes_out } = post.outcome ?? {};
  assert.deepEqual([status, status_code, bytes_in, bytes_out], ['ok', 101, 20_000, 20_006]);
  assert.equal(post.metadata?.websocket, true);
  assert.equal(post.metadata?.ended_by, 'client');
  assert.ok(post.metadata?.tls !== undefined);
  assert.equal(at.broker.stats().active, 0);
});

test('plain http has them too, by CONNECT and in absolute form', async (t) => {
  const at = await stage(t, { names: () => ['127.0.0.1'] });
  const up = await at.upstream((_request, response) => response.end(), { host: 'ws.test' });
  (up.server as Server).on('upgrade', (request: IncomingMessage, socket: Duplex) =>
    agree(request, socket, acceptOf(request.headers['sec-websocket-key'] ?? '')),
  );
  const authority = `ws.test:${up.port}`;
  const { socket } = await connectVia(at.port, authority);
  const inside = await handshake(socket, authority);
  assert.match(inside.head, /^HTTP\/1\.1 101 /);
  const { connect } = await import('node:net');
  const direct = await handshake(connect(at.port, '127.0.0.1'), authority, {}, `http://${authority}/abs`);
  assert.match(direct.head, /^HTTP\/1\.1 101 /);
  for (const one of [inside, direct]) one.socket.destroy();
  await at.quiet();
  assert.deepEqual(
    at
      .entries()
      .map((entry) => entry.action?.target?.path)
      .sort(),
    ['/abs', '/abs', '/socket', '/socket'],
  );
});

test('an upgrade that may not be, and one that the upstream refuses, end as every call does', async (t) => {
  const all = await sockets(t, (_request, socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Why: no\r\n\r\nnope'),
  );
  const { at, up, authority } = all;
  const refused = await open(all);
  assert.match(refused.head, /^HTTP\/1\.1 403 [\s\S]*x-why: no/i);
  await until(() => refused.received() === 'nope', 'the body');
  await at.quiet();
  assert.equal(at.pair().post.outcome?.status_code, 403);
  await at.policy(
    `version: "1"\nallowlist: [{ host: ws.test, port: ${up.port}, internal: true, paths: [/other] }]\n`,
  );
  const stopped = await open(all);
  assert.match(stopped.head, /^HTTP\/1\.1 403 [\s\S]*x-tally-reason: path_not_allowed/i);
  assert.equal(all.seen.length, 1);
  const { socket } = await connectVia(at.port, authority);
  socket.destroy();
});

test('what agrees to something else than was asked for is no WebSocket', async (t) => {
  const all = await sockets(t, (_request, socket) =>
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf('another')}\r\n\r\n`,
    ),
  );
  const { head } = await open(all);
  assert.match(head, /^HTTP\/1\.1 502 /);
  await all.at.quiet();
  assert.equal(all.at.pair().post.outcome?.error_kind, 'bad_response');
});

test('a placeholder in the handshake is replaced, and a credential that comes back ends the connection', async (t) => {
  const value = randomBytes(18).toString('base64url');
  let upstream: Duplex | undefined;
  const all = await sockets(t, (request, socket, accept) => {
    upstream = socket;
    agree(request, socket, `${accept}\r\nX-Echo: ${request.headers.authorization}`);
  });
  const { at } = all;
  await at.vault.set('WS_KEY', Buffer.from(value));
  const token = await startRun(at);
  const { head, socket, received } = await open(
    all,
    {
      Authorization: `Bearer ${placeholderFor(token, 'WS_KEY')}`,
      'Sec-WebSocket-Extensions': 'permessage-deflate',
    },
    token,
  );
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.equal(all.seen[0]?.headers.authorization, `Bearer ${value}`);
  assert.equal(all.seen[0]?.headers['sec-websocket-extensions'], undefined);
  assert.ok(!head.includes(value), 'not in a header');
  socket.on('error', () => undefined);
  upstream?.write('harmless ');
  await until(() => received().includes('harmless'), 'the first message');
  upstream?.write(`and now ${value.slice(0, 5)}`);
  await until(() => received().includes(value.slice(0, 5)), 'a part');
  upstream?.write(`${value.slice(5)} it is`);
  await once(socket, 'end');
  assert.ok(!received().includes(value));
  await at.quiet();
  const { pre, post } = at.pair();
  assert.equal(pre.credentials?.[0]?.ref, 'WS_KEY');
  assert.equal(post.outcome?.error_kind, 'credential_echoed');
  assert.equal(post.outcome?.redacted, true);
  assert.ok(!JSON.stringify(at.entries()).includes(value));
});

test('a WebSocket ends with a kill switch, when it is silent for too long, and at close', async (t) => {
  const all = await sockets(t, agree, { config: { limits: { tunnelIdleMs: 150, brokerDrainMs: 60_000 } } });
  const { at } = all;
  const killed = await open(all);
  killed.socket.on('error', () => undefined);
  await at.recorder.record(
    {
      type: 'killswitch.change',
      phase: 'point',
      metadata: { scope: 'global', on: true },
      outcome: { status: 'ok' },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  assert.equal(at.recorder.kills.tell('global').aborted, 1);
  await once(killed.socket, 'end');
  await at.recorder.record(
    {
      type: 'killswitch.change',
      phase: 'point',
      metadata: { scope: 'global', on: false },
      outcome: { status: 'ok' },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  const idle = await open(all);
  idle.socket.on('error', () => undefined);
  await once(idle.socket, 'end');
  await at.quiet();
  assert.deepEqual(
    at.entries().flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome.error_kind])),
    ['killed', 'tunnel_idle'],
  );
  await open(all);
  const began = performance.now();
  await at.close();
  assert.ok(performance.now() - began < 5_000, 'a silent one is not waited for');
});

test('other upgrades are offers that are not taken', async (t) => {
  const all = await sockets(t);
  const { at, authority } = all;
  const { socket } = await connectVia(at.port, authority);
  const inner = await secure(at, socket, 'ws.test');
  const answer = await requestOn(inner, '/', {
    host: authority,
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAAP__',
  });
  assert.equal(answer.status, 426);
  assert.equal(all.seen.length, 0);
  inner.destroy();
});
