/** What must be true before what: the order that everything rests on, and what happens when the log fails. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';
import type { LogStore } from '../../../src/core/ports.ts';
import { entriesOf } from '../../support/recorder.ts';
import { readAnswer, stage } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');

/** A store whose appends wait at a gate and can be made to fail. */
function gated(): {
  wrap: (store: LogStore) => LogStore;
  hold(): () => void;
  failNext(): void;
  onDurable: () => void;
} {
  let gate: Promise<void> | undefined;
  let failing = false;
  const self = {
    onDurable(): void {},
    wrap: (store: LogStore): LogStore => ({
      ...store,
      async append(bytes) {
        await gate;
        if (failing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await store.append(bytes);
        self.onDurable();
      },
    }),
    hold() {
      let open: () => void = () => undefined;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => {
        gate = undefined;
        open();
      };
    },
    failNext() {
      failing = true;
    },
  };
  return self;
}

test('the pre_exec is durable before the vault is asked, and the vault before the upstream sees anything', async (t) => {
  const events: string[] = [];
  const gate = gated();
  const s = await stage(t, {
    wrapStore: gate.wrap,
    wrapVault: (vault) => ({
      ...vault,
      get(name) {
        events.push(`vault ${name}`);
        return vault.get(name);
      },
    }),
  });
  const up = await s.upstream((_req, res) => {
    const entries = entriesOf(s.box.disk).filter(({ type }) => type === 'http.call');
    events.push(`upstream, ${entries.map(({ phase }) => phase).join()} on disk`);
    res.end('done');
  });
  await s.vault.set('KEY', secret());
  gate.onDurable = () => {
    const last = entriesOf(s.box.disk).at(-1);
    if (last?.type === 'http.call') events.push(`${last.phase} durable`);
  };
  const open = gate.hold();
  const answer = s.get(up.origin);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // Everything waits for the disk: no credential was read, no byte left.
  assert.deepEqual(events, []);
  assert.equal(up.count(), 0);
  open();
  assert.equal((await answer).status, 200);
  await s.quiet();
  assert.deepEqual(events, [
    'pre_exec durable',
    'vault KEY',
    'upstream, pre_exec on disk',
    'post_exec durable',
  ]);
});

test('a log that cannot be written stops every call: 503, nothing is read, nothing is sent', async (t) => {
  const gate = gated();
  const asked: string[] = [];
  const s = await stage(t, {
    wrapStore: gate.wrap,
    wrapVault: (vault) => ({
      ...vault,
      get(name) {
        asked.push(name);
        return vault.get(name);
      },
    }),
  });
  const up = await s.upstream((_req, res) => res.end());
  await s.vault.set('KEY', secret());
  assert.equal((await s.get(up.origin)).status, 200);
  await s.quiet();
  gate.failNext();
  for (let i = 0; i < 3; i++) {
    const answer = await s.get(up.origin);
    assert.equal(answer.status, 503);
    assert.equal(answer.json().reason, 'audit_unavailable');
    assert.ok(answer.headers['retry-after']);
  }
  // A stop and a malformed request cannot be recorded either, and are no answer without it.
  assert.equal((await s.get('https://elsewhere.example/')).status, 503);
  assert.equal((await s.call({ headers: { 'X-AS-Target-URL': 'x' } })).status, 503);
  assert.equal(up.count(), 1);
  assert.equal(asked.length, 1);
  assert.equal((await s.call({ path: '/health' })).status, 503);
  assert.equal((await s.call({ path: '/health' })).json().status, 'log_unavailable');
  assert.equal(s.broker.stats().lostEntries, 5);
});

test('a post_exec that cannot be recorded does not look like a success', async (t) => {
  const gate = gated();
  const s = await stage(t, { wrapStore: gate.wrap });
  const up = await s.upstream((_req, res) => {
    gate.failNext();
    res.write('first part');
    // The first failed write kills the recorder; the rest of the response comes after it.
    s.recorder
      .record({ type: 'step.note', phase: 'point' }, { surface: 'sdk', assurance: 'observed' })
      .catch(() => setTimeout(() => res.end('last part'), 20));
  });
  await s.vault.set('KEY', secret());
  await assert.rejects(s.get(up.origin), /aborted|ECONNRESET|socket hang up/);
  assert.equal(s.broker.stats().lostEntries, 1);
});

test('the answer does not wait for the post_exec to be durable, only for its place in the log', async (t) => {
  const gate = gated();
  const s = await stage(t, { wrapStore: gate.wrap });
  let open: () => void = () => undefined;
  const up = await s.upstream((_req, res) => {
    open = gate.hold();
    res.end('done');
  });
  await s.vault.set('KEY', secret());
  assert.equal((await s.get(up.origin)).text, 'done');
  assert.equal(s.entries().length, 1);
  open();
  await s.quiet();
  assert.equal(s.pair().post.outcome?.status, 'ok');
});

test('close waits until the entry of every call is durable', async (t) => {
  const gate = gated();
  const s = await stage(t, { wrapStore: gate.wrap });
  let open: () => void = () => undefined;
  const up = await s.upstream((_req, res) => {
    open = gate.hold();
    res.end('done');
  });
  await s.vault.set('KEY', secret());
  await s.get(up.origin);
  let closed = false;
  const closing = s.broker.close().then(() => {
    closed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(closed, false);
  open();
  await closing;
  assert.equal(s.entries().length, 2);
});

test('a call under way at close is given its time, then ended as aborted and recorded', async (t) => {
  const s = await stage(t, { config: { limits: { brokerDrainMs: 150 } } });
  const up = await s.upstream((req, res) => {
    if (req.url === '/quick') setTimeout(() => res.end('made it'), 50);
    else res.write('never ends');
  });
  await s.vault.set('KEY', secret());
  const quick = s.get(`${up.origin}/quick`);
  const endless = s.get(`${up.origin}/endless`);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const closing = s.broker.close();
  assert.equal((await quick).text, 'made it');
  await assert.rejects(endless);
  await closing;
  const posts = s.entries().filter(({ phase }) => phase === 'post_exec');
  assert.deepEqual(
    posts.map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
    [
      ['ok', undefined],
      ['aborted', 'broker_closing'],
    ],
  );
});

test('close waits for a call that still waits for a name, and records how it ended', async (t) => {
  const asked = Promise.withResolvers<void>();
  const found = Promise.withResolvers<readonly string[]>();
  const s = await stage(t, {
    names() {
      asked.resolve();
      return found.promise;
    },
    config: { limits: { brokerDrainMs: 50 } },
  });
  await s.allow('{ host: slow.test, port: 1, http: true, internal: true }');
  await s.vault.set('KEY', secret());
  const call = s.get('http://slow.test:1/');
  call.catch(() => undefined);
  await asked.promise;
  let closed = false;
  const closing = s.broker.close().then(() => {
    closed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(closed, false);
  found.resolve(['127.0.0.1']);
  await closing;
  await assert.rejects(call);
  assert.equal(s.pair().post.outcome?.status, 'aborted');
});

test('every buffer that the vault handed out is wiped, however the call ends', async (t) => {
  const handedOut: Buffer[] = [];
  const s = await stage(t, {
    wrapVault: (vault) => ({
      ...vault,
      get(name) {
        const found = vault.get(name);
        if (found !== undefined) handedOut.push(found.value);
        return found;
      },
    }),
  });
  const up = await s.upstream((_req, res) => res.end());
  await s.vault.set('KEY', secret());
  await s.vault.set('BAD', 'two\nlines of it');
  const call = (...headers: [string, string][]) =>
    s.call({ headers: { 'X-AS-Target-URL': up.origin, ...Object.fromEntries(headers) } });
  assert.equal((await call(['X-AS-Inject-Bearer', 'KEY'])).status, 200);
  assert.equal((await call(['X-AS-Inject-Bearer', 'KEY'], ['X-AS-Inject-Query-q', 'ABSENT'])).status, 502);
  assert.equal((await call(['X-AS-Inject-Header-X', 'KEY'], ['X-AS-Inject-Bearer', 'BAD'])).status, 502);
  assert.equal(handedOut.length, 4);
  for (const value of handedOut) assert.ok(value.every((byte) => byte === 0));
});

test('a connection that is kept alive does not hold up close', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((_req, res) => setTimeout(() => res.end('x'), 50));
  await s.vault.set('KEY', secret());
  const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
    const outgoing = request(`${s.url}/proxy`, {
      headers: { 'X-AS-Target-URL': up.origin, 'X-AS-Inject-Bearer': 'KEY', Connection: 'keep-alive' },
    });
    outgoing.on('response', (incoming) => readAnswer(incoming).then(resolve, reject));
    outgoing.on('error', reject);
    outgoing.end();
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const started = performance.now();
  await Promise.all([s.broker.close(), answer]);
  assert.ok(performance.now() - started < 2_000);
});

test('a port that is taken says so', async (t) => {
  const s = await stage(t);
  const { createBroker } = await import('../../../src/capture/proxy/broker.ts');
  const second = createBroker({
    recorder: s.recorder,
    vault: s.vault,
    resolve: async () => [],
    config: { port: s.port, version: 'x' },
    onError: () => undefined,
  });
  await assert.rejects(second.listen(), { code: 'ADDRESS_IN_USE' });
});
