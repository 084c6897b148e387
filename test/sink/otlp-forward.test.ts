/** Entries on their way to a collector: in their order, each at least once, whatever the collector or a restart does. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OtlpForward } from '../../src/sink/otlp/setting.ts';
import { home, indexesOf, note, recordsOf, until } from './otlp-stage.ts';
import { receiver } from './stage.ts';

const OK = (response: ServerResponse): void => void response.end('{}');
type Answer = (response: ServerResponse, n: number, request: IncomingMessage) => void;

describe('entries for a collector', () => {
  it('come in their order with the bytes that are in the log, and without payloads', async (t) => {
    const collector = await receiver(t, OK);
    const { open } = await home(t);
    const session = await open(() => ({ url: collector.url, from: 'beginning' }));
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await note(session, n));
    const size = session.recorder?.size() ?? 0;
    await until(
      () => indexesOf(recordsOf(collector.got)).includes(size - 1),
      () => `${indexesOf(recordsOf(collector.got))}`,
    );
    const records = recordsOf(collector.got);
    assert.deepEqual(
      indexesOf(records),
      Array.from({ length: size }, (_, index) => index),
    );
    const entries = records.map(({ body }) => JSON.parse(body.stringValue) as { id: string; prev: string });
    for (const id of ids) assert.ok(entries.some((entry) => entry.id === id));
    for (const [at, { body }] of records.slice(0, -1).entries()) {
      const leaf = createHash('sha256').update(Buffer.concat([Buffer.of(0), Buffer.from(body.stringValue)]));
      assert.equal(
        leaf.digest('base64'),
        entries[at + 1]?.prev,
        'the next entry names the leaf hash of its bytes',
      );
    }
    assert.ok(!collector.got.some(({ body }) => body.includes('content 3')), 'payloads are only cited');
    // Behind the answer its position is saved.
    let otlp = (await session.ask('status', {})).otlp;
    for (let tries = 0; tries < 100 && otlp?.behind !== 0; tries++) {
      await sleep(20);
      otlp = (await session.ask('status', {})).otlp;
    }
    assert.deepEqual([otlp?.behind, otlp?.index, otlp?.failing], [0, size, undefined]);
  });

  it('wait while it is away or refuses, and nothing is lost over a restart', async (t) => {
    let answer: Answer = (response) => void response.writeHead(503, { 'retry-after': '0' }).end();
    const collector = await receiver(t, (...args) => answer(...args));
    const { open, warnings } = await home(t);
    const setting = (): OtlpForward => ({ url: collector.url, from: 'beginning' });
    const first = await open(setting);
    await note(first, 1);
    await until(
      () => collector.got.length >= 2,
      () => `${collector.got.length}`,
    );
    const { otlp } = await first.ask('status', {});
    assert.ok((otlp?.behind ?? 0) > 0 && (otlp?.failing?.attempts ?? 0) >= 1, JSON.stringify(otlp));
    assert.ok(warnings.some((line) => line.includes('answered 503')));
    await first.close('the end');
    const tried = collector.got.length;
    // One that hangs up in the middle of an answer has perhaps taken it: it is sent again.
    answer = (response) => void response.destroy();
    const second = await open(setting);
    await until(
      () => collector.got.length > tried,
      () => 'nothing came after the restart',
    );
    answer = OK;
    await note(second, 2);
    const size = (): number => second.recorder?.size() ?? 0;
    await until(
      () => indexesOf(recordsOf(collector.got)).includes(size() - 1),
      () => `${indexesOf(recordsOf(collector.got))} of ${size()}`,
    );
    const came = new Set(indexesOf(recordsOf(collector.got)));
    for (let index = 0; index < size(); index++) assert.ok(came.has(index), `${index} came`);
    await second.close('the end');
    const before = collector.got.length;
    const third = await open(setting);
    await until(
      () => indexesOf(recordsOf(collector.got.slice(before))).length > 0,
      () => 'nothing came after the second restart',
    );
    const [again] = indexesOf(recordsOf(collector.got.slice(before)));
    assert.ok((again ?? 0) >= 4, `what was taken is not sent again: it goes on with ${again}`);
    await third.close('the end');
  });

  it('begin with what is recorded from then on, unless all are asked for', async (t) => {
    const collector = await receiver(t, OK);
    const { open } = await home(t);
    const before = await open(() => undefined);
    await note(before, 1);
    assert.equal((await before.ask('status', {})).otlp, undefined, 'they go nowhere');
    await before.close('the end');
    const session = await open(() => ({ url: collector.url }));
    const id = await note(session, 2);
    await until(
      () => recordsOf(collector.got).some(({ body }) => body.stringValue.includes(id)),
      () => `${collector.got.length}`,
    );
    assert.ok(!recordsOf(collector.got).some(({ body }) => body.stringValue.includes('"n":1')));
  });

  it('that came while the collector was away from the first moment on are not forgotten by a restart', async (t) => {
    let answer: Answer = (response) => void response.writeHead(503).end();
    const collector = await receiver(t, (...args) => answer(...args));
    const { open } = await home(t);
    const setting = (): OtlpForward => ({ url: collector.url });
    const first = await open(setting);
    const id = await note(first, 1);
    await until(
      () => collector.got.length > 0,
      () => 'it is tried',
    );
    await first.close('the end');
    answer = OK;
    const before = collector.got.length;
    const second = await open(setting);
    await until(
      () => recordsOf(collector.got.slice(before)).some(({ body }) => body.stringValue.includes(id)),
      () => `${collector.got.length}`,
    );
    await second.close('the end');
  });

  it('come from sealed segments as from the open one, each once, however many are recorded at once', async (t) => {
    let slow = 1;
    const collector = await receiver(t, (response) => {
      if (slow-- > 0) response.writeHead(429, { 'retry-after': '0' }).end();
      else OK(response);
    });
    const { open } = await home(t);
    const session = await open(() => ({ url: collector.url, from: 'beginning' }), 256);
    const event = { type: 'step.note', phase: 'point' } as const;
    await Promise.all(Array.from({ length: 1_200 }, () => session.ask('record', { event })));
    await session.recorder?.checkpoint();
    await session.recorder?.sealed();
    const size = session.recorder?.size() ?? 0;
    const taken = () => indexesOf(recordsOf(collector.got.slice(1)));
    await until(
      () => taken().includes(size - 1),
      () => `${taken().length} of ${size}`,
    );
    const all = taken();
    // The first requests were refused as a whole, and came again.
    const once = [...new Set(all)];
    assert.deepEqual(
      once,
      Array.from({ length: once.length }, (_, index) => index),
    );
    assert.ok(collector.got.length >= 4, 'at most so many entries a request');
  });

  it('are all sent again when nobody knows any more which were', async (t) => {
    const collector = await receiver(t, OK);
    const { open, position, warnings } = await home(t);
    const first = await open(() => ({ url: collector.url, from: 'beginning' }));
    await note(first, 1);
    await until(
      () => existsSync(position),
      () => 'it is kept',
    );
    await first.close('the end');
    await writeFile(position, '{"format":1,');
    const before = collector.got.length;
    const second = await open(() => ({ url: collector.url }));
    await until(
      () => indexesOf(recordsOf(collector.got.slice(before))).includes(0),
      () => `${collector.got.length}`,
    );
    assert.ok(warnings.some((line) => line.includes('sent again')));
    await second.close('the end');
  });
});
