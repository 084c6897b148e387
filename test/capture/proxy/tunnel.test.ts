/** CONNECT to hosts whose TLS is not ended here: tunnelled or stopped, on record either way. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { aboutApproval } from '../../../src/recorder/approvals.ts';
import { makeAuthority } from './certificates.ts';
import { basic, connectVia, requestOn, secure } from './connecting.ts';
import { startRun } from './program.ts';
import { echo, listen, type Stage, type StageOptions, stage, until } from './stage.ts';

type Names = NonNullable<StageOptions['names']>;
const HERE: Names = () => ['127.0.0.1'];

const policyFor = (lines: string): string =>
  `version: "1"\nidentity: { anonymous: allow }\nallowlist: [listed.example]\n${lines}\n`;

/** A server that speaks no HTTP, and a policy that has it tunnelled. */
async function withServer(
  t: Parameters<typeof stage>[0],
  serve: (socket: Socket) => void,
  options: StageOptions = {},
): Promise<{ at: Stage; port: number; authority: string }> {
  const at = await stage(t, { names: HERE, ...options });
  const port = await listen(t, createServer({ allowHalfOpen: true }, serve));
  await at.policy(policyFor(`tunnel: [{ host: raw.test, port: ${port}, internal: true }]`));
  return { at, port, authority: `raw.test:${port}` };
}

test('bytes pass unread and whole in both directions, and their number is on record', async (t) => {
  const { at, port, authority } = await withServer(t, (socket) => socket.pipe(socket));
  const { socket, status, headers } = await connectVia(at.port, authority);
  assert.equal(status, 200);
  const sent = randomBytes(300_000);
  const back: Buffer[] = [];
  socket.on('data', (data: Buffer) => back.push(data)).resume();
  socket.write(sent);
  await until(() => back.reduce((sum, one) => sum + one.length, 0) === sent.length, 'the echo');
  assert.equal(at.broker.stats().tunnels, 1);
  socket.end();
  await once(socket, 'close');
  assert.deepEqual(Buffer.concat(back), sent);
  await at.quiet();
  const { pre, post } = at.pair();
  assert.equal(headers.get('x-tally-entry'), pre.id);
  assert.equal(pre.action?.name, 'http.connect');
  assert.deepEqual(pre.action?.target, { host: 'raw.test', port, method: 'CONNECT' });
  assert.equal(pre.decision?.outcome, 'allow');
  assert.equal(pre.credentials, undefined);
  const { status: how, bytes_in, bytes_out, status_code } = post.outcome ?? {};
  assert.deepEqual([how, bytes_in, bytes_out, status_code], ['ok', sent.length, sent.length, 200]);
  assert.equal(post.metadata?.via, 'tunnel');
  assert.equal(post.metadata?.address, '127.0.0.1');
  assert.equal(post.metadata?.ended_by, 'client');
  assert.equal(at.broker.stats().tunnels, 0);
});

test('TLS inside of a tunnel is the upstream’s own, and nothing of the call is seen', async (t) => {
  const authority = makeAuthority(t);
  const at = await stage(t, { names: HERE });
  const up = await at.upstream(echo, { tls: authority.issue('DNS:pinned.test'), host: 'pinned.test' });
  await at.policy(policyFor(`tunnel: [{ host: pinned.test, port: ${up.port}, internal: true }]`));
  const { socket } = await connectVia(at.port, `pinned.test:${up.port}`);
  const inner = await secure(at, socket, 'pinned.test', { ca: authority.ca });
  const answer = await requestOn(inner, '/private?token=t', { host: `pinned.test:${up.port}` });
  assert.equal(answer.json().url, '/private?token=t');
  inner.destroy();
  await at.quiet();
  assert.doesNotMatch(JSON.stringify(at.pair()), /private/);
});

test('a host that nothing names is stopped with what to do, before its name is looked up', async (t) => {
  const asked: string[] = [];
  const at = await stage(t, {
    names: (host) => {
      asked.push(host);
      return ['127.0.0.1'];
    },
  });
  await at.policy(policyFor(''));
  const { status, line, body, headers, socket } = await connectVia(at.port, 'api.other.example:443');
  assert.equal(status, 403);
  const said = JSON.parse(body) as Record<string, string>;
  assert.equal(said.reason, 'domain_not_in_allowlist');
  assert.equal(said.domain, 'api.other.example');
  assert.match(said.message ?? '', /tally policy allow api\.other\.example$/);
  assert.match(line, /tally policy allow api\.other\.example\)$/, 'many clients show nothing but this line');
  socket.destroy();
  const { pre, post } = at.pair();
  assert.equal(headers.get('x-tally-entry'), pre.id);
  assert.equal(pre.decision?.reason, 'domain_not_in_allowlist');
  assert.equal(post.outcome?.status, 'blocked');
  assert.equal(post.outcome?.status_code, 403);
  assert.deepEqual(asked, []);
});

test('where unlisted hosts are tunnelled their addresses are checked, and the checked one is connected to', async (t) => {
  const names: Record<string, string[]> = {
    'inside.example': ['8.8.8.8', '127.0.0.1'],
    'meta.example': ['169.254.169.254'],
  };
  const at = await stage(t, { names: (host) => names[host] ?? [] });
  await at.policy(policyFor('unlisted: tunnel'));
  for (const [host, reason] of [
    ['inside.example:443', 'ssrf_protection_blocked'],
    ['meta.example:443', 'ssrf_protection_blocked'],
    ['127.0.0.1:443', 'ssrf_protection_blocked'],
    ['gone.example:443', 'ssrf_protection_blocked'],
    ['any.example:22', 'domain_not_in_allowlist'],
  ] as const) {
    const { status, body, socket } = await connectVia(at.port, host);
    assert.equal(status, 403, host);
    assert.equal((JSON.parse(body) as { reason: string }).reason, reason, host);
    socket.destroy();
  }
});

test('the pre_exec is durable before anything is connected to; a log that cannot be written stops it', async (t) => {
  let connections = 0;
  let failing = false;
  const { at, authority } = await withServer(
    t,
    (socket) => {
      connections++;
      socket.end();
    },
    {
      wrapRecorder: (recorder) => ({
        ...recorder,
        act: (...given) => (failing ? Promise.reject(new Error('disk full')) : recorder.act(...given)),
      }),
    },
  );
  failing = true;
  const { status, socket } = await connectVia(at.port, authority);
  assert.ok(status === 503 || status === 500, String(status));
  socket.destroy();
  assert.equal(connections, 0);
  at.errors.length = 0;
});

test('an upstream that cannot be reached or has no address is a 502, on record', async (t) => {
  const closed = createServer();
  const port = await listen(t, closed);
  await new Promise((resolve) => closed.close(resolve));
  const at = await stage(t, {
    names: (host) => (host === 'gone.test' ? undefined : ['127.0.0.1']) as string[],
  });
  await at.policy(
    policyFor(
      `tunnel: [{ host: dead.test, port: ${port}, internal: true }, { host: gone.test, port: ${port}, internal: true }]`,
    ),
  );
  for (const [host, kind] of [
    ['dead.test', 'connect_failed'],
    ['gone.test', 'dns_failed'],
  ] as const) {
    const { status, body, socket } = await connectVia(at.port, `${host}:${port}`);
    assert.equal(status, 502);
    assert.equal((JSON.parse(body) as { reason: string }).reason, kind);
    socket.destroy();
    await at.quiet();
    const post = at.entries().at(-1);
    assert.equal(post?.phase, 'post_exec');
    assert.equal(post?.outcome?.error_kind, kind);
    assert.equal(post?.outcome?.status_code, 502);
  }
});

test('a side that has said all is let hear the rest', async (t) => {
  const { at, authority } = await withServer(t, (socket) => {
    let got = 0;
    socket.on('data', (data: Buffer) => {
      got += data.length;
    });
    socket.on('end', () => socket.end(`you sent ${got}`));
  });
  const { socket } = await connectVia(at.port, authority);
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString();
  });
  socket.resume();
  socket.end('x'.repeat(1_000));
  await once(socket, 'end');
  assert.equal(text, 'you sent 1000');
  await at.quiet();
  const { outcome, metadata } = at.pair().post;
  assert.deepEqual([outcome?.bytes_in, outcome?.bytes_out, metadata?.ended_by], [1_000, 13, 'client']);
});

test('a tunnel ends when it is silent for too long', async (t) => {
  const { at, authority } = await withServer(t, (socket) => socket.on('error', () => undefined), {
    config: { limits: { tunnelIdleMs: 100, brokerDrainMs: 60_000 } },
  });
  const idle = await connectVia(at.port, authority);
  idle.socket.resume();
  await once(idle.socket, 'end');
  idle.socket.destroy();
  await at.quiet();
  assert.equal(at.pair().post.outcome?.error_kind, 'tunnel_idle');
  assert.equal(at.pair().post.outcome?.status, 'timeout');
  assert.equal(at.pair().post.metadata?.ended_by, 'broker');
});

test('a kill switch ends a tunnel that stands: that for writes too, since nobody sees what passes', async (t) => {
  const { at, authority } = await withServer(t, (socket) => socket.on('error', () => undefined));
  const standing = await connectVia(at.port, authority);
  standing.socket.on('error', () => undefined).resume();
  await at.recorder.record(
    {
      type: 'killswitch.change',
      phase: 'point',
      metadata: { scope: 'writes', on: true },
      outcome: { status: 'ok' },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  assert.equal(at.recorder.kills.tell('writes').aborted, 1);
  await once(standing.socket, 'end');
  standing.socket.destroy();
  await at.quiet();
  const post = at.entries().at(-1);
  assert.equal(post?.outcome?.error_kind, 'killed');
  assert.equal(post?.outcome?.status, 'aborted');
  const { status, body, socket } = await connectVia(at.port, authority);
  assert.equal(status, 403);
  assert.match(body, /writes_disabled/);
  socket.destroy();
});

test('a tunnel ends soon after the run that it belongs to', async (t) => {
  const { at, authority } = await withServer(t, (socket) => socket.on('error', () => undefined), {
    config: { limits: { tokenCheckMs: 50 } },
  });
  const token = await startRun(at);
  const headers = { 'Proxy-Authorization': basic(token) };
  const { socket } = await connectVia(at.port, authority, headers);
  socket.resume();
  const run = at.entries()[0]?.run_id ?? '';
  await at.recorder.record(
    { type: 'run.end', phase: 'point', run_id: run, outcome: { status: 'ok' } },
    { surface: 'cli', assurance: 'enforced' },
  );
  await once(socket, 'end');
  socket.destroy();
  await at.quiet();
  assert.equal(at.pair().post.outcome?.error_kind, 'token_revoked');
  const again = await connectVia(at.port, authority, headers);
  assert.equal(again.status, 407);
  again.socket.destroy();
});

test('a tunnel in use at close is given its time, then ended as aborted', async (t) => {
  const { at, authority } = await withServer(
    t,
    (socket) => {
      const timer = setInterval(() => socket.write('tick'), 20);
      socket.on('error', () => undefined).on('close', () => clearInterval(timer));
    },
    { config: { limits: { brokerDrainMs: 400 } } },
  );
  const busy = await connectVia(at.port, authority);
  busy.socket.on('error', () => undefined).resume();
  await at.close();
  assert.equal(at.pair().post.outcome?.error_kind, 'broker_closing');
  busy.socket.destroy();
});

test('tunnels are bounded in number, and the one too many is told so', async (t) => {
  const { at, authority } = await withServer(t, () => undefined, {
    config: { limits: { tunnels: 2, tunnelHalfOpenMs: 50 } },
  });
  const open = [await connectVia(at.port, authority), await connectVia(at.port, authority)];
  const third = await connectVia(at.port, authority);
  assert.equal(third.status, 503);
  third.socket.destroy();
  for (const { socket } of open) socket.destroy();
  await at.quiet();
  await until(() => at.broker.stats().tunnels === 0, 'their end');
  assert.ok(at.entries().some((entry) => entry.outcome?.error_kind === 'too_many_tunnels'));
});

test('a tunnel that wants an approval waits for a person, and then stands', async (t) => {
  const { at, port, authority } = await withServer(t, (socket) => socket.end('hello'));
  await at.policy(
    policyFor(
      `tunnel: [{ host: raw.test, port: ${port}, internal: true }]\ntools: { http.connect: { interactive: { permission: approval_required } } }\napprovals: { hold: 30s, approver_may_be_requester: true }`,
    ),
  );
  const waiting = connectVia(at.port, authority);
  await until(() => at.recorder.approvals.list().length === 1, 'the request');
  const [asked] = at.recorder.approvals.list();
  await at.recorder.approvals.answer(
    asked?.id ?? '',
    (approval) => ({
      ...aboutApproval('approval.grant', approval),
      metadata: {
        approval: approval.id,
        approver: 'ada',
        expires_at: new Date(at.recorder.now() + approval.ttl_ms).toISOString(),
      },
    }),
    { surface: 'cli', assurance: 'enforced' },
  );
  const { status, socket } = await waiting;
  assert.equal(status, 200);
  socket.destroy();
});
