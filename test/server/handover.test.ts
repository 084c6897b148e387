/** Both sides of the hand-over socket, over a real one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectHandover } from '../../src/capture/handover.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Client } from '../../src/recorder/ops.ts';
import { serveHandover } from '../../src/server/handover.ts';

const CLIENT: Client = { surface: 'cli' };

function socketPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tally-sock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'w.sock');
}

test('a client that never says who it is loses its place, one that did keeps it', async (t) => {
  const path = socketPath(t);
  const served = await serveHandover({
    path,
    handle: async () => ({}),
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => served.close());
  const silent = connect(path);
  const gone = new Promise<string>((resolve) => silent.once('close', () => resolve('silent one closed')));
  const known = await connectHandover(path, CLIENT);
  assert.ok(known);
  t.after(() => known.close());
  await known.ask('hello', {});
  const early = new Promise<string>((resolve) => void known.closed.then(() => resolve('known one closed')));
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve('nothing closed'), LIMITS.socketHelloMs + 2_000).unref();
  });
  assert.equal(await Promise.race([gone, early, late]), 'silent one closed');
  await known.ask('hello', {});
});

test('a writer that never answers is given up after a time, for every request under way', async (t) => {
  const path = socketPath(t);
  const server = createServer((socket) => {
    socket.resume();
    t.after(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  const link = await connectHandover(path, CLIENT, { answerMs: 50 });
  assert.ok(link);
  const unavailable = { code: 'RECORDER_UNAVAILABLE' };
  await Promise.all([
    assert.rejects(link.ask('hello', {}), { ...unavailable, message: /no answer within/ }),
    assert.rejects(link.ask('status', {}), unavailable),
  ]);
  await link.closed;
});
