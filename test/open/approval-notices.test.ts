import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { linkSigner } from '../../src/core/approval-link.ts';
import { startNotices } from '../../src/open/approval-links.ts';
import type { ApprovalSettings, DestinationSetting } from '../../src/sink/setting.ts';
import { linked } from '../server/api/linked.ts';
import { until } from '../support/home.ts';

test('each approver is told of a request once, at a place of their own, with a link of their own', async (t) => {
  const { ask1, recorder, handle, link, answer } = await linked(t);
  const got: { path: string; body: Record<string, unknown> }[] = [];
  let isDown = true;
  const receiver = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      if (!isDown) got.push({ path: request.url ?? '', body: JSON.parse(text) });
      response.writeHead(isDown ? 503 : 204, isDown ? { 'Retry-After': '0' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  t.after(() => receiver.close());
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const vault = {
    get: (name: string) => (name === 'CHAT' ? { value: Buffer.from(`${url}/chat`) } : undefined),
  };
  const destinations: DestinationSetting[] = [
    { name: 'hook', type: 'webhook', url: `${url}/hook` },
    { name: 'chat', type: 'slack', url_secret: 'CHAT' },
    { name: 'other', type: 'webhook', url: `${url}/other` },
  ];
  const approvals: ApprovalSettings = {
    url: 'https://tally.example/',
    notify: [
      { destination: 'hook', approver: 'u_boss' },
      { destination: 'chat', approver: 'u_clerk' },
      { destination: 'nowhere', approver: 'u_boss' },
    ],
  };
  const warnings: string[] = [];
  const before = await ask1(150);
  const notices = startNotices({
    recorder,
    handle,
    vault: vault as never,
    signer: linkSigner(Buffer.alloc(32, 7)),
    origin: 'http://127.0.0.1:1',
    settings: () => ({ approvals, destinations }),
    now: Date.now,
    onWarning: (line) => warnings.push(line),
  });
  t.after(() => notices.close());
  await until(
    async () => (warnings.some((line) => line.includes('could not be delivered')) ? true : undefined),
    'a failure',
  );
  isDown = false;
  const after = await ask1(250);
  await until(async () => (got.length >= 4 ? true : undefined), 'all messages');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(got.map(({ path }) => path).sort(), ['/chat', '/chat', '/hook', '/hook']);
  const hooks = got
    .filter(({ path }) => path === '/hook')
    .map(({ body }) => body as { type: string; data: Record<string, string> });
  assert.deepEqual(hooks.map(({ data }) => data.id).sort(), [before, after].sort());
  assert.ok(hooks.every(({ type, data }) => type === 'approval.request' && data.approver === 'u_boss'));
  assert.ok(hooks.every(({ data }) => data.url?.startsWith('https://tally.example/a/al1.')));
  const chat = JSON.stringify(got.filter(({ path }) => path === '/chat'));
  assert.match(chat, /u_clerk/);
  assert.ok(
    hooks.every(({ data }) => !chat.includes(String(data.url))),
    'nobody gets the link of another one',
  );
  assert.ok(warnings.some((line) => line.includes('nowhere')));
  // Answered: nobody is told of it any more.
  await answer(link(after), 'deny');
});
