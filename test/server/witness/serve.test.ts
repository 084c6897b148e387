/** The HTTP of our witness against clients that do what they should not. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { LIMITS } from '../../../src/core/limits.ts';
import type { ObjectStore } from '../../../src/core/ports.ts';
import { encodeAddCheckpoint, SIZE_TYPE } from '../../../src/core/tlog/witness-protocol.ts';
import { fileObjects } from '../../../src/store/file/objects.ts';
import { growLog, type RunningWitness, scratch, startWitness } from '../../support/witness.ts';

const log = growLog();

async function post(witness: RunningWitness, body: Uint8Array | string): Promise<Response> {
  return fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
}

async function request(from: number, to: number): Promise<Uint8Array> {
  const { note, consistencyFrom } = log.at(to);
  return encodeAddCheckpoint({ oldSize: from, proof: await consistencyFrom(from), note });
}

/** What comes back on a connection that sends `text` and then waits. */
function raw(t: TestContext, { url }: RunningWitness, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    t.after(() => socket.destroy());
  });
}

describe('the HTTP of our witness', () => {
  it('answers with the codes and types of the protocol', async (t) => {
    const witness = await startWitness(t);
    const good = await post(witness, await request(0, 4));
    assert.equal(good.status, 200);
    assert.match(await good.text(), /^— witness\.example\/w1 \S+\n$/);
    const conflict = await post(witness, await request(0, 9));
    assert.equal(conflict.status, 409);
    assert.equal(conflict.headers.get('content-type'), SIZE_TYPE);
    assert.equal(await conflict.text(), '4\n');
    assert.equal((await post(witness, 'nonsense')).status, 400);
    assert.equal((await post(witness, '')).status, 400);
  });

  it('has a page about itself, and nothing else', async (t) => {
    const witness = await startWitness(t);
    const page = await fetch(`${witness.url}/`);
    assert.match(await page.text(), /log\.example\/local {2}size 0/);
    assert.equal((await fetch(witness.url, { method: 'HEAD' })).status, 200);
    for (const path of ['/x', '/add-checkpoint/', '/add-checkpoint/x', '//add-checkpoint', '/..'])
      assert.equal((await fetch(witness.url + path, { method: 'POST', body: '' })).status, 404, path);
    const get = await fetch(`${witness.url}/add-checkpoint`);
    assert.equal(get.status, 405);
    assert.equal(get.headers.get('allow'), 'POST');
  });

  it('refuses a body beyond the limit, announced or not, without reading it', async (t) => {
    const witness = await startWitness(t);
    const large = 'x'.repeat(LIMITS.witnessMessageBytes + 1);
    assert.equal((await post(witness, large)).status, 413);
    const endless = `POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n`;
    const answer = await raw(t, witness, endless);
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /connection: close/i);
  });

  it('ends connections that say nothing, or a byte now and then', async (t) => {
    const witness = await startWitness(t, { requestMs: 300 });
    const started = performance.now();
    const silent = raw(t, witness, '');
    const halfHead = raw(t, witness, 'POST /add-checkpoint HTTP/1.1\r\n');
    const halfBody = raw(
      t,
      witness,
      'POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 100\r\n\r\nold',
    );
    await Promise.all([silent, halfHead, halfBody]);
    assert.ok(performance.now() - started < 5_000);
    assert.equal((await post(witness, await request(0, 4))).status, 200);
    assert.deepEqual(witness.errors, []);
  });

  it('survives clients that go away in the middle, and bytes that are no HTTP', async (t) => {
    const witness = await startWitness(t);
    for (const text of [
      '\0\0\0',
      'GET',
      'POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(new URL(witness.url).port), '127.0.0.1', () => {
          socket.write(text, () => socket.destroy());
        });
        socket.on('close', () => resolve());
        socket.on('error', () => undefined);
      });
    }
    assert.equal((await post(witness, await request(0, 4))).status, 200);
    assert.deepEqual(witness.errors, []);
  });

  it('answers what was begun before it closes, and nothing afterwards', async (t) => {
    const disk = fileObjects(await scratch(t));
    // A slow one: the answer is not there yet when the end comes.
    const files: ObjectStore = {
      ...disk,
      put: async (...args) => {
        await wait(100);
        return disk.put(...args);
      },
    };
    const witness = await startWitness(t, { files });
    const asked = [post(witness, await request(0, 4)), post(witness, await request(0, 5))];
    await wait(50);
    const closed = witness.close();
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 409]);
    await closed;
    await assert.rejects(post(witness, await request(4, 9)));
  });
});
