/** Tunnels and WebSockets that stand when something changes: what would not be let in now ends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { parseToken } from '../../../src/core/identity/token.ts';
import { aboutApproval } from '../../../src/recorder/approvals.ts';
import { basic, connectVia } from './connecting.ts';
import { startRun } from './program.ts';
import { listen, type Stage, stage, until } from './stage.ts';

interface Scene {
  readonly at: Stage;
  readonly port: number;
  /** Of two tunnels' hosts, as CONNECT names them. */
  readonly one: string;
  readonly other: string;
  tunnels(...hosts: string[]): string;
  put(lines: string): Promise<void>;
  /** Between a decision that is durable and what is done by it, once. */
  onActed(step: () => Promise<void>): void;
}

async function scene(t: TestContext): Promise<Scene> {
  let acted: (() => Promise<void>) | undefined;
  const at = await stage(t, {
    names: () => ['127.0.0.1'],
    config: { limits: { tokenCheckMs: 600_000 } },
    wrapRecorder: (recorder) => ({
      ...recorder,
      async act(...given) {
        const done = await recorder.act(...given);
        const step = acted;
        acted = undefined;
        await step?.();
        return done;
      },
    }),
  });
  const port = await listen(
    t,
    createNetServer((socket) => socket.on('error', () => undefined).pipe(socket)),
  );
  let version = 1;
  const tunnels = (...hosts: string[]): string =>
    `tunnel: [${hosts.map((host) => `{ host: ${host}, port: ${port}, internal: true }`).join(', ')}]\n`;
  return {
    at,
    port,
    one: `one.test:${port}`,
    other: `other.test:${port}`,
    tunnels,
    onActed(step) {
      acted = step;
    },
    put: (lines) =>
      at.policy(
        `version: "${++version}"\nidentity: { anonymous: allow }\n${lines.includes('allowlist') ? '' : 'allowlist: []\n'}${lines}`,
      ),
  };
}

async function stand(
  { at }: Scene,
  authority: string,
  headers: Record<string, string> = {},
): Promise<Socket> {
  const { status, socket } = await connectVia(at.port, authority, headers);
  assert.equal(status, 200);
  socket.on('error', () => undefined).resume();
  return socket;
}

/** It still carries bytes both ways. */
async function lives(socket: Socket): Promise<void> {
  const answer = once(socket, 'data');
  socket.write('still there?');
  assert.equal(String((await answer)[0]), 'still there?');
}

async function ended(socket: Socket): Promise<void> {
  if (!socket.readableEnded) await once(socket, 'end');
  socket.destroy();
}

const endOf = ({ at }: Scene, host: string) =>
  at.entries().find(({ phase, action }) => phase === 'post_exec' && action?.target?.host === host);

test('a policy that does not allow a tunnel any more ends it, with its reason on record; others stay', async (t) => {
  const s = await scene(t);
  await s.put(s.tunnels('one.test', 'other.test'));
  const gone = await stand(s, s.one);
  const stays = await stand(s, s.other);
  await s.put(s.tunnels('other.test'));
  await ended(gone);
  await until(() => endOf(s, 'one.test') !== undefined, 'its end on record');
  const { outcome, metadata } = endOf(s, 'one.test') ?? {};
  assert.deepEqual(
    [outcome?.status, outcome?.error_kind, metadata?.ended_by],
    ['aborted', 'policy_changed', 'broker'],
  );
  assert.match(String(outcome?.error), /\(version 3\).*domain_not_in_allowlist/);
  await lives(stays);
  stays.destroy();
});

test('a tunnel to a host whose calls are to be read from now on ends', async (t) => {
  const s = await scene(t);
  const host = 'one.sub.test';
  await s.put(s.tunnels('"*.sub.test"'));
  const socket = await stand(s, `${host}:${s.port}`);
  await s.put(
    `${s.tunnels('"*.sub.test"')}allowlist: [{ host: ${host}, port: ${s.port}, internal: true }]\n`,
  );
  await ended(socket);
  await until(() => endOf(s, host) !== undefined, 'its end on record');
  assert.match(String(endOf(s, host)?.outcome?.error), /one by one/);
});

test('what bounds how often something begins ends nothing that has begun', async (t) => {
  const s = await scene(t);
  await s.put(s.tunnels('one.test'));
  const socket = await stand(s, s.one);
  await s.put(`${s.tunnels('one.test')}limits: { per_tenant: 1/10m }\n`);
  const refused = await connectVia(s.at.port, s.one);
  assert.equal(refused.status, 429);
  refused.socket.destroy();
  await lives(socket);
  socket.destroy();
});

test('where a person is wanted from now on, a tunnel stays that began with a person’s yes, and another one ends', async (t) => {
  const s = await scene(t);
  const asks =
    'tools: { http.connect: { interactive: { permission: approval_required } } }\napprovals: { hold: 30s }\n';
  await s.put(s.tunnels('other.test'));
  const unasked = await stand(s, s.other);
  await s.put(`${s.tunnels('one.test')}${asks}`);
  const waiting = stand(s, s.one);
  await until(() => s.at.recorder.approvals.list().length === 1, 'the request');
  const id = s.at.recorder.approvals.list()[0]?.id ?? '';
  await s.at.recorder.approvals.answer(
    id,
    (approval) => ({
      ...aboutApproval('approval.grant', approval),
      metadata: {
        approval: id,
        approver: 'ada',
        expires_at: new Date(s.at.recorder.now() + approval.ttl_ms).toISOString(),
      },
    }),
    { surface: 'cli', assurance: 'enforced' },
  );
  const asked = await waiting;
  await s.put(`${s.tunnels('one.test', 'other.test')}${asks}`);
  await lives(asked);
  asked.destroy();
  unasked.destroy();
});

test('a tunnel ends at once when its token is revoked, and one of another token does not', async (t) => {
  const s = await scene(t);
  await s.put(s.tunnels('one.test', 'other.test'));
  const [dead, good] = [await startRun(s.at), await startRun(s.at)];
  const ends = await stand(s, s.one, { 'Proxy-Authorization': basic(dead) });
  const stays = await stand(s, s.other, { 'Proxy-Authorization': basic(good) });
  await s.at.recorder.record(
    {
      type: 'token.revoke',
      phase: 'point',
      metadata: { token_id: parseToken(dead)?.id },
      outcome: { status: 'ok' },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  await ended(ends);
  await until(() => endOf(s, 'one.test') !== undefined, 'its end on record');
  assert.equal(endOf(s, 'one.test')?.outcome?.error_kind, 'token_revoked');
  await lives(stays);
  stays.destroy();
});

test('a policy that comes in force while a tunnel is being connected counts for it', async (t) => {
  const s = await scene(t);
  await s.put(s.tunnels('one.test'));
  s.onActed(() => s.put('allowlist: []\n'));
  const { socket } = await connectVia(s.at.port, s.one);
  socket.on('error', () => undefined).resume();
  await until(() => endOf(s, 'one.test') !== undefined, 'its end on record');
  assert.equal(endOf(s, 'one.test')?.outcome?.error_kind, 'policy_changed');
});

test('a WebSocket that the policy in force does not allow any more ends', async (t) => {
  const s = await scene(t);
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket
      .on('error', () => undefined)
      .write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    socket.pipe(socket);
  });
  const port = await listen(t, server);
  const line = (paths: string): string =>
    `allowlist: [{ host: ws.test, port: ${port}, http: true, internal: true, paths: [${paths}] }]\n`;
  await s.put(line('/chat, /news'));
  const open = async (path: string): Promise<Socket> => {
    const socket = connect(s.at.port, '127.0.0.1');
    socket.write(
      `GET http://ws.test:${port}${path} HTTP/1.1\r\nHost: ws.test:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n`,
    );
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /);
    return socket.on('error', () => undefined).resume();
  };
  const gone = await open('/chat');
  const stays = await open('/news');
  await s.put(line('/news'));
  await ended(gone);
  await until(() => endOf(s, 'ws.test') !== undefined, 'its end on record');
  const { action, outcome, metadata } = endOf(s, 'ws.test') ?? {};
  assert.deepEqual(
    [action?.target?.path, outcome?.error_kind, outcome?.status_code, metadata?.websocket],
    ['/chat', 'policy_changed', 101, true],
  );
  assert.match(String(outcome?.error), /path_not_allowed/);
  await lives(stays);
  stays.destroy();
});
