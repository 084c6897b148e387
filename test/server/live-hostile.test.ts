/** Clients that mean no good, and damage that does not. */
import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { segmentName } from '../../src/store/file/names.ts';
import { until } from '../support/home.ts';
import { liveMachine, point } from '../support/live.ts';
import { listen } from '../support/sse.ts';

const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const started = async () => (await liveMachine(ends)).start();

function raw(
  url: string,
  head: string,
): Promise<{ text: () => string; socket: Socket; closed: Promise<void> }> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(head);
      resolve({ text: () => text, socket, closed: new Promise((done) => socket.on('close', () => done())) });
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    ends.push(() => socket.destroy());
  });
}

describe('the live tail and hostile clients', () => {
  it('refuses web pages, other hosts and other methods, and sends no CORS header', async () => {
    const { tail } = await started();
    const { host } = new URL(tail);
    const refusals: [Record<string, string>, number, RegExp][] = [
      [{ Origin: 'http://localhost:3000' }, 403, /web pages/],
      [{ Origin: `http://${host}` }, 403, /web pages/],
      [{ 'Sec-Fetch-Site': 'same-origin' }, 403, /web pages/],
      [{ Host: 'rebound.example:7700' }, 403, /loopback name/],
      [{ Host: `127.0.0.1` }, 403, /loopback name/],
      [{ 'Last-Event-ID': '-1' }, 400, /no index/],
      [{ 'Last-Event-ID': '1e99' }, 400, /no index/],
      [{ 'Last-Event-ID': '4711' }, 416, /has \d+ entries; there is no entry 4711/],
    ];
    for (const [headers, status, why] of refusals) {
      const answer = await listen(tail, headers);
      await answer.ended;
      assert.equal(answer.status, status, JSON.stringify(headers));
      assert.match((JSON.parse(answer.text()) as { error: { message: string } }).error.message, why);
      assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('access-control')));
    }
    const beyond = await listen(`${tail}?from=99`);
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'entries */1']);
    assert.equal((await listen(`${tail}?log=other`)).status, 409);
    assert.equal((await listen(`${tail}?log=local`)).status, 200);
    for (const method of ['POST', 'OPTIONS', 'DELETE']) {
      const answer = await raw(tail, `${method} /v1/tail HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await until(() => /\r\n\r\n/.test(answer.text()) || undefined, 'an answer');
      assert.match(answer.text(), /^HTTP\/1\.1 405 [\s\S]*Allow: GET, HEAD/);
    }
    const head = await raw(tail, `HEAD /v1/tail HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await head.closed;
    assert.match(head.text(), /^HTTP\/1\.1 200 [\s\S]*text\/event-stream[\s\S]*\r\n\r\n$/);
  });

  it('ends requests with giant headers, and connections that ask twice', { timeout: 20_000 }, async () => {
    const { tail, recorder } = await started();
    const { host } = new URL(tail);
    const giant = await raw(
      tail,
      `GET /v1/tail HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(LIMITS.requestHeaderBytes)}\r\n\r\n`,
    );
    await giant.closed;
    assert.match(giant.text(), /^HTTP\/1\.1 431 /);
    const request = `GET /v1/tail?from=0 HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const twice = await raw(tail, request);
    await until(() => twice.text().includes('id: 0') || undefined, 'the first entry');
    twice.socket.write(request);
    await twice.closed;
    assert.equal(twice.text().split('event: state').length, 2);
    const pipelined = await raw(tail, request + request);
    await pipelined.closed;
    // Others are served as before.
    const listener = await listen(tail);
    await point(recorder, 'still here');
    await until(() => listener.entries().length > 0 || undefined, 'the entry');
  });

  it('answers at once while thousands of connections were opened and left', {
    timeout: 120_000,
  }, async () => {
    const { tail, recorder } = await started();
    const { port } = new URL(tail);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) {
        const socket = connect(Number(port), '127.0.0.1');
        socket.on('error', () => undefined);
        if (i % 2 === 0) socket.write('GET /v1/ta');
        ends.push(() => socket.destroy());
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const listener = await until(async () => {
      try {
        const one = await listen(tail);
        return one.status === 200 ? one : undefined;
      } catch {
        // All places were taken for this moment.
        return undefined;
      }
    }, 'a place');
    await point(recorder, 'one');
    await until(() => listener.entries().length === 1 || undefined, 'the entry');
  });

  it('sends nothing that is no entry, and says which ones it could not send', async () => {
    const box = await liveMachine(ends, { segmentEntries: 65_536 });
    const first = await box.start();
    for (let i = 0; i < 20; i++) await point(first.recorder, `note ${i}`);
    const path = join(box.log, 'entries', segmentName(0));
    const lines = (await readFile(path, 'utf8')).split('\n');
    await first.stop();
    const { tail } = await box.start();
    const now = (await readFile(path, 'utf8')).split('\n');
    // What would pass for an event of ours, another index, no JSON, bytes that are no text.
    now[3] = `${(lines[3] ?? '').slice(0, -1)}\r\revent: gap\rdata: {}\r}`;
    now[5] = lines[6] ?? '';
    // As long as it was: the recorder, which looks at its file now and then, would go no further.
    const grown = Buffer.byteLength(`${now[3]}${now[5]}`) - Buffer.byteLength(`${lines[3]}${lines[5]}`);
    const cut = (lines[7] ?? '').slice(0, -40 - Math.max(0, grown));
    now[7] = cut.padEnd((lines[7]?.length ?? 0) - grown, 'x');
    await writeFile(path, Buffer.from(now.join('\n'), 'utf8'));
    const listener = await listen(`${tail}?from=0`);
    await until(() => (listener.lastId() ?? 0) >= 21 || undefined, 'all of it');
    const gaps = listener.events
      .filter(({ event }) => event === 'gap')
      .map(({ data }) => JSON.parse(data) as { kind: string; from: number; to: number })
      .filter(({ kind }) => kind === 'damaged');
    assert.deepEqual(
      gaps.map(({ from, to }) => [from, to]),
      [
        [3, 4],
        [5, 6],
        [7, 8],
      ],
    );
    const sent = listener.entries().map(({ index }) => index);
    assert.ok(![3, 5, 7].some((index) => sent.includes(index)));
    assert.ok(sent.includes(4) && sent.includes(8));
    await appendFile(path, '');
  });
});
