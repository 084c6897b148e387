/** The live tail in a real browser: a page gets nothing of it, and what a program hands on is what EventSource reads. */
import assert from 'node:assert/strict';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { withChromium } from '../support/chromium.ts';
import { until } from '../support/home.ts';
import { liveMachine, point } from '../support/live.ts';

/** A page, and the tail as a program of this machine would hand it on: without what a browser says of the page. */
async function front(
  tail: string,
): Promise<{ readonly url: string; readonly open: ServerResponse[]; server: Server }> {
  const open: ServerResponse[] = [];
  const server = createServer((incoming, answer) => {
    if (incoming.url !== '/tail') {
      answer.setHeader('Content-Type', 'text/html').end('<title>page</title>');
      return;
    }
    open.push(answer);
    const last = incoming.headers['last-event-id'];
    const headers = typeof last === 'string' ? { 'Last-Event-ID': last } : {};
    const upstream = request(`${tail}?from=0`, { headers }, (told) => {
      answer.writeHead(told.statusCode ?? 500, { 'Content-Type': told.headers['content-type'] ?? '' });
      told.on('data', (part: Buffer) => answer.write(part));
      told.on('error', () => answer.destroy());
    });
    upstream.on('error', () => answer.destroy());
    answer.on('close', () => upstream.destroy());
    upstream.end();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open, server };
}

const LISTEN = (url: string): string => `
  window.ids = []; window.failed = 0;
  window.source = new EventSource(${JSON.stringify(url)});
  window.source.onmessage = (one) => window.ids.push([one.lastEventId, JSON.parse(one.data).index]);
  window.source.onerror = () => window.failed++;
  true`;

test('a page gets nothing of the tail; what is handed on arrives once and in order, over a lost connection too', async (t) => {
  const ends: (() => Promise<unknown> | unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  const { recorder, tail } = await (await liveMachine(ends)).start();
  for (let i = 0; i < 20; i++) await point(recorder, `note ${i}`);
  const { url, open, server } = await front(tail);
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  ends.push(() => server.closeAllConnections());
  await withChromium(async (openPage) => {
    const page = await openPage(url);
    const count = (): Promise<number> => page.evaluate<number>('window.ids.length');
    await page.evaluate(LISTEN(`${tail}?from=0`));
    await until(async () => (await page.evaluate<number>('window.failed')) > 0 || undefined, 'the refusal');
    assert.equal(await count(), 0);
    await page.evaluate('window.source.close()');

    await page.evaluate(LISTEN('/tail'));
    await until(async () => (await count()) >= 20 || undefined, 'what is there');
    for (const answer of open) answer.destroy();
    for (let i = 20; i < 30; i++) await point(recorder, `note ${i}`);
    // The browser comes back by itself, and says how far it was.
    const size = recorder.size();
    await until(async () => (await count()) >= size || undefined, 'what came meanwhile');
    const ids = await page.evaluate<[string, number][]>('window.ids');
    assert.deepEqual(
      ids,
      Array.from({ length: size }, (_, i) => [String(i), i]),
    );
    await page.evaluate('window.source.close()');
  });
});
