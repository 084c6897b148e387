/** The broker on a Unix socket: the same, for programs without a network of their own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Answer, echo, readAnswer, type Stage, stage } from './stage.ts';

async function onSocket(t: TestContext): Promise<{ s: Stage; socketPath: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'sock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'r', 'b.sock');
  return { s: await stage(t, { names: () => ['127.0.0.1'], config: { socket: socketPath } }), socketPath };
}

function ask(socketPath: string, path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers, agent: false })
      .on('error', reject)
      .on('response', (incoming) => readAnswer(incoming).then(resolve, reject))
      .end();
  });
}

test('calls come by it as they come by the port, and it is the user’s own', async (t) => {
  const { s, socketPath } = await onSocket(t);
  const up = await s.upstream(echo, { host: 'api.test' });
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  await s.vault.set('KEY', 'a value that is long enough');
  const addressed = await ask(socketPath, '/proxy', {
    Host: 'localhost',
    'X-AS-Target-URL': `${up.origin}/one`,
    'X-AS-Inject-Bearer': 'KEY',
  });
  assert.equal(addressed.json().url, '/one');
  const forwarded = await ask(socketPath, `${up.origin}/two`, { Host: `api.test:${up.port}` });
  assert.equal(forwarded.json().url, '/two');
  assert.equal((await ask(socketPath, '/health', { Host: 'localhost' })).json().status, 'ok');
  await s.quiet();
  assert.equal(s.entries().length, 4);
});

test('CONNECT goes by it too, and what is left of it ends with the broker', async (t) => {
  const { s, socketPath } = await onSocket(t);
  const up = await s.upstream(echo, { host: 'api.test' });
  const authority = `api.test:${up.port}`;
  const socket = connect(socketPath);
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.write(`CONNECT ${authority} HTTP/1.1\r\n\r\nGET /in HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  while (!text.includes('"/in"')) await new Promise((resolve) => socket.once('data', resolve));
  await s.close();
  await ended;
});

test('a name that is not a loopback one is refused here as well, and a file in its place is replaced', async (t) => {
  const { s, socketPath } = await onSocket(t);
  const answer = await ask(socketPath, '/health', { Host: 'rebound.example' });
  assert.equal(answer.status, 403);
  await s.close();
  writeFileSync(socketPath, 'left behind');
  const again = await stage(t, { config: { socket: socketPath } });
  assert.equal((await ask(socketPath, '/health', { Host: 'localhost' })).status, 200);
  await again.close();
});
