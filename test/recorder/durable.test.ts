import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DurableLines } from '../../src/recorder/durable.ts';
import { entriesOf, machine } from '../support/recorder.ts';

const PRODUCER = { surface: 'sdk', assurance: 'self_reported' } as const;
const EVENT = { type: 'tool.call', phase: 'point', action: { name: 'search' } } as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function collected() {
  const batches: DurableLines[] = [];
  const lines = (): string[] =>
    batches.flatMap(({ bytes }) => Buffer.from(bytes).toString('utf8').split('\n').slice(0, -1));
  return { batches, lines, tell: (batch: DurableLines) => void batches.push(batch) };
}

describe('the feed of durable entries', () => {
  it('tells every entry from the subscription on, in order, once, with its stored bytes', async () => {
    const box = await machine();
    const recorder = await box.open();
    await recorder.record(EVENT, PRODUCER);
    const seen = collected();
    const { from } = recorder.onDurable(seen.tell);
    assert.equal(from, recorder.size());
    for (let round = 0; round < 20; round++)
      await Promise.all(Array.from({ length: round }, () => recorder.record(EVENT, PRODUCER)));
    await recorder.close('test');
    const expected = entriesOf(box.disk).slice(from);
    assert.deepEqual(
      seen.lines().map((line) => JSON.parse(line)),
      expected,
    );
    let next = from;
    for (const { first, count } of seen.batches) {
      assert.equal(first, next);
      next += count;
    }
    assert.equal(next, entriesOf(box.disk).length);
  });

  it('tells of an entry only when it is durable, and no acknowledgement waits for a listener', async () => {
    const box = await machine();
    let release = (): void => undefined;
    let held = false;
    const recorder = await box.open({
      wrap: (store) => ({
        ...store,
        async append(bytes) {
          if (held) await new Promise<void>((resolve) => (release = resolve));
          return store.append(bytes);
        },
      }),
    });
    const seen = collected();
    recorder.onDurable(seen.tell);
    held = true;
    const acknowledged = recorder.record(EVENT, PRODUCER);
    for (let i = 0; i < 5; i++) await turn();
    assert.equal(seen.batches.length, 0);
    held = false;
    release();
    await acknowledged;
    assert.equal(seen.batches.length, 0, 'the acknowledgement came first');
    await turn();
    await turn();
    assert.equal(seen.lines().length, 1);
    await recorder.close('test');
  });

  it('goes on recording, and telling, when a listener throws, and warns of it once', async () => {
    const warnings: string[] = [];
    const box = await machine();
    const recorder = await box.open({ onWarning: (text) => warnings.push(text) });
    const seen = collected();
    const failing = collected();
    recorder.onDurable((batch) => {
      failing.tell(batch);
      throw new Error('disk of the listener is full');
    });
    recorder.onDurable(seen.tell);
    for (let i = 0; i < 3; i++) {
      await recorder.record(EVENT, PRODUCER);
      await turn();
    }
    await recorder.close('test');
    assert.deepEqual(seen.lines(), failing.lines());
    assert.ok(seen.lines().length >= 4);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /failed at entry \d+: disk of the listener is full; recording goes on/);
  });

  it('begins where it says, also for one that subscribes from inside a call, and ends when it is told to', async () => {
    const box = await machine();
    const recorder = await box.open();
    const late = collected();
    let lateFrom: number | undefined;
    const first = recorder.onDurable(() => {
      lateFrom ??= recorder.onDurable(late.tell).from;
    });
    await recorder.record(EVENT, PRODUCER);
    await turn();
    await turn();
    first.end();
    await recorder.record(EVENT, PRODUCER);
    await recorder.close('test');
    assert.ok(lateFrom !== undefined);
    assert.equal(late.batches[0]?.first, lateFrom);
    assert.deepEqual(
      late.lines().map((line) => JSON.parse(line)),
      entriesOf(box.disk).slice(lateFrom),
    );
  });
});
