/** What of a call has to be on disk before it goes on, by the upstream's clock and the caller's, with a disk at a gate. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { Durability } from '../../../src/core/policy/durability.ts';
import type { LogStore } from '../../../src/core/ports.ts';
import { aboutApproval } from '../../../src/recorder/approvals.ts';
import { later, readAnswer, type Stage, stage, type Upstream, until } from './stage.ts';

interface Gate {
  open(): void;
  close(): void;
  fail(): void;
  readonly wrap: (store: LogStore) => LogStore;
}

/** Appends wait while it is closed. */
function gate(): Gate {
  let shut = Promise.withResolvers<void>();
  let failing = false;
  shut.resolve();
  return {
    open: () => shut.resolve(),
    close() {
      shut = Promise.withResolvers<void>();
    },
    fail() {
      failing = true;
      shut.resolve();
    },
    wrap: (store) => ({
      ...store,
      async append(bytes) {
        await shut.promise;
        if (failing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await store.append(bytes);
      },
    }),
  };
}

type Handler = Parameters<Stage['upstream']>[0];

async function scene(
  t: TestContext,
  durability: Durability,
  handler: Handler = (_req, res) => res.end('ok'),
) {
  const disk = gate();
  const s = await stage(t, { wrapStore: disk.wrap });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const up = await s.upstream(handler);
  await policyOf(s, up, durability);
  return { s, up, disk };
}

const policyOf = (s: Stage, up: Upstream, durability: Durability, more = ''): Promise<void> =>
  s.policy(`version: "1"
identity: { anonymous: allow, declared: allow }
allowlist:
  - { host: 127.0.0.1, port: ${up.port}, http: true, internal: true, durability: ${durability} }
${more}`);

/** Long enough for what must not happen to have happened. */
const A_MOMENT = 60;

test('intent: nothing leaves before the pre_exec is durable', async (t) => {
  const { s, up, disk } = await scene(t, 'intent');
  disk.close();
  const answer = s.get(up.origin);
  await later(A_MOMENT);
  assert.equal(up.count(), 0);
  disk.open();
  assert.equal((await answer).status, 200);
  await s.quiet();
  assert.equal(s.pair().pre.metadata?.durability, undefined);
});

test('reply: the call is sent at once, and its answer waits until both entries are durable', async (t) => {
  const { s, up, disk } = await scene(t, 'reply');
  disk.close();
  let answered = false;
  const answer = s.get(up.origin).finally(() => {
    answered = true;
  });
  await until(() => up.count() === 1, 'the request reached the upstream');
  await later(A_MOMENT);
  assert.equal(answered, false);
  assert.equal(s.entries().length, 0, 'nothing of it is on disk');
  disk.open();
  const { status, text, headers } = await answer;
  assert.deepEqual([status, text], [200, 'ok']);
  assert.equal(s.entries().length, 2, 'both are on disk when the answer is there');
  const { pre, post } = s.pair();
  assert.equal(pre.metadata?.durability, 'reply');
  assert.equal(post.outcome?.status, 'ok');
  assert.equal(headers['x-tally-entry'], pre.id);
});

test('reply: not even the head of a long answer is shown before the pre_exec is durable, nor its end before the post_exec', async (t) => {
  const long = Buffer.alloc(512 * 1024, 'x');
  const { s, up, disk } = await scene(t, 'reply', (_req, res) => res.end(long));
  disk.close();
  const outgoing = request({
    host: '127.0.0.1',
    port: s.port,
    path: '/proxy',
    headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY' },
    agent: false,
  }).end();
  let head = false;
  const answer = new Promise<number>((resolve, reject) => {
    outgoing.on('error', reject).on('response', (incoming) => {
      head = true;
      // The first byte of the long answer is here, so its intent is on disk; what waits now is the end.
      assert.ok(s.entries().some(({ phase }) => phase === 'pre_exec'));
      disk.close();
      readAnswer(incoming).then(({ body }) => resolve(body.length), reject);
    });
  });
  await until(() => up.count() === 1, 'the request reached the upstream');
  await later(A_MOMENT);
  assert.equal(head, false);
  disk.open();
  await until(() => head, 'the head came');
  let ended = false;
  void answer.then(() => {
    ended = true;
  });
  await later(A_MOMENT);
  assert.equal(ended, false);
  disk.open();
  assert.equal(await answer, long.length);
  await s.quiet();
  assert.equal(s.pair().post.outcome?.bytes_out, long.length);
});

test('reply: an answer of our own waits too', async (t) => {
  const { s, up, disk } = await scene(t, 'reply', (req) => req.socket.destroy());
  disk.close();
  let answered = false;
  const answer = s.get(up.origin).finally(() => {
    answered = true;
  });
  await until(() => up.count() === 1, 'the request reached the upstream');
  await later(A_MOMENT);
  assert.equal(answered, false);
  disk.open();
  assert.equal((await answer).status, 502);
  assert.equal(s.pair().post.outcome?.status, 'error');
});

test('reply: when the log fails in between, the answer is not shown and the caller is told', async (t) => {
  const { s, up, disk } = await scene(t, 'reply');
  disk.close();
  const answer = s.get(up.origin);
  await until(() => up.count() === 1, 'the request reached the upstream');
  await later(A_MOMENT);
  disk.fail();
  const { status, json } = await answer;
  assert.deepEqual([status, json().reason], [503, 'audit_unavailable']);
  assert.equal((await s.get(up.origin)).status, 503);
  assert.equal(up.count(), 1, 'and nothing more is sent');
  assert.equal((await s.call({ path: '/health' })).status, 503);
});

test('async: nothing waits for the disk; both entries follow', async (t) => {
  const { s, up, disk } = await scene(t, 'async');
  disk.close();
  const { status, text } = await s.get(up.origin);
  assert.deepEqual([status, text], [200, 'ok']);
  assert.equal(s.entries().length, 0);
  disk.open();
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.metadata?.durability, 'async');
  assert.equal(post.outcome?.status, 'ok');
});

test('async: a log that has failed stops every call', async (t) => {
  const { s, up, disk } = await scene(t, 'async');
  disk.fail();
  // The one that finds out may be answered already; whoever comes later is not.
  await s.get(up.origin);
  await until(() => s.recorder.failure() !== undefined, 'the recorder saw that it cannot write');
  const sent = up.count();
  const answers = await Promise.all([s.get(up.origin), s.get(up.origin)]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [503, 503],
  );
  assert.equal(up.count(), sent);
});

test('a stop waits for the disk whatever the line says, and so does the use of an approval', async (t) => {
  const { s, up, disk } = await scene(t, 'async');
  disk.close();
  let stopped = false;
  const stop = s.get('https://elsewhere.example/').finally(() => {
    stopped = true;
  });
  await later(A_MOMENT);
  assert.equal(stopped, false);
  disk.open();
  assert.equal((await stop).status, 403);

  await policyOf(
    s,
    up,
    'async',
    'credentials: { KEY: { methods: { GET: approval_required } } }\napprovals: { hold: 0s }\n',
  );
  const asked = await s.get(up.origin);
  assert.equal(asked.status, 403);
  const id = String(asked.json().approval_id);
  await s.recorder.approvals.answer(
    id,
    (approval) => ({
      ...aboutApproval('approval.grant', approval),
      metadata: {
        approval: id,
        approver: 'ada',
        expires_at: new Date(s.recorder.now() + approval.ttl_ms).toISOString(),
      },
    }),
    { surface: 'cli', assurance: 'enforced' },
  );
  disk.close();
  const used = s.get(up.origin);
  await later(A_MOMENT);
  assert.equal(up.count(), 0, 'a grant is good once, so its use is durable before it counts');
  disk.open();
  assert.equal((await used).status, 200);
});

test('where two lines permit a call the stricter one counts', async (t) => {
  const { s, up, disk } = await scene(t, 'async');
  await policyOf(
    s,
    up,
    'async',
    `  - { host: 127.0.0.1, port: ${up.port}, http: true, internal: true, paths: ["/pay"], durability: intent }\n`,
  );
  disk.close();
  assert.equal((await s.get(`${up.origin}/metrics`)).status, 200);
  const pay = s.get(`${up.origin}/pay`);
  await later(A_MOMENT);
  assert.equal(up.count(), 1);
  disk.open();
  assert.equal((await pay).status, 200);
});
