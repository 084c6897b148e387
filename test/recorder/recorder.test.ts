import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { isTallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };

function note(text: string, more: Partial<Event> = {}): Event {
  return { type: 'step.note', phase: 'point', metadata: { text }, ...more };
}

function call(more: Partial<Event> = {}): Event {
  return {
    type: 'http.call',
    phase: 'pre_exec',
    action: { name: 'http.call', target: { host: 'api.example.com', method: 'GET' }, args: { n: 1 } },
    ...more,
  };
}

test('entries are numbered without holes in the order of the calls, also when many wait for one write', async () => {
  const box = await machine();
  const recorder = await box.open();
  const receipts = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => recorder.record(note(`n${i}`), PRODUCER)),
  );
  await recorder.close('test');
  assert.deepEqual(
    receipts.map(({ index }) => index),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  const entries = entriesOf(box.disk);
  assert.equal(entries.length, 1002);
  assert.deepEqual(
    entries.map(({ index }) => index),
    entries.map((_, i) => i),
  );
  assert.equal(entries[0]?.type, 'log.open');
  assert.equal(entries.at(-1)?.type, 'log.close');
  await assertVerifies(box);
});

test('an entry that is too large is refused before it takes an index, and says so', async () => {
  const box = await machine();
  const recorder = await box.open();
  const deep = { ...note('x'), extra: 'y'.repeat(LIMITS.entryBytes) };
  await assert.rejects(recorder.record(deep, PRODUCER), { code: 'ENTRY_TOO_LARGE' });
  await assert.rejects(recorder.record({ ...note('x'), metadata: { big: 'y'.repeat(9000) } }, PRODUCER), {
    code: 'ENTRY_TOO_LARGE',
  });
  await assert.rejects(recorder.record({ ...note('x'), reason: 'é'.repeat(300) }, PRODUCER), {
    code: 'ENTRY_TOO_LARGE',
  });
  const { index } = await recorder.record(note('after'), PRODUCER);
  assert.equal(index, 1);
  await recorder.close('test');
  await assertVerifies(box);
});

test('an event that does not fit the schema is refused with the field and a hint', async () => {
  const box = await machine();
  const recorder = await box.open();
  const bad = { type: 'No Such', phase: 'point' } as Event;
  await assert.rejects(recorder.record(bad, PRODUCER), (error: unknown) => {
    assert.ok(isTallyError(error));
    assert.equal(error.code, 'BAD_EVENT');
    assert.match(error.message, /type/);
    assert.ok(error.hint);
    return true;
  });
  await recorder.close('test');
});

test('unknown types and fields are kept as they came', async () => {
  const box = await machine();
  const recorder = await box.open();
  await recorder.record(
    { ...note('x'), type: 'future.thing', from_the_future: { a: [1, 'two', null] } },
    PRODUCER,
  );
  await recorder.close('test');
  const entry = entriesOf(box.disk)[1];
  assert.equal(entry?.type, 'future.thing');
  assert.deepEqual(entry?.from_the_future, { a: [1, 'two', null] });
});

test('the writer sets what only it may say, whatever an event claims', async () => {
  const box = await machine();
  const recorder = await box.open();
  const liar = {
    ...note('x'),
    index: 99,
    prev: 'x',
    tenant_id: 'other',
    v: 7,
    source: { surface: 'proxy', assurance: 'enforced' },
  };
  await recorder.record(liar as Event, PRODUCER);
  await recorder.close('test');
  const entry = entriesOf(box.disk)[1];
  assert.equal(entry?.index, 1);
  assert.equal(entry?.tenant_id, 'local');
  assert.equal(entry?.v, 1);
  const source = entry?.source;
  assert.equal(source?.surface, 'sdk');
  assert.equal(source?.assurance, 'observed');
  await assertVerifies(box);
});

test('an event that comes again with the same id gets the place it already has, also after a restart', async () => {
  const box = await machine();
  let recorder = await box.open();
  const event = note('once', { id: 'log_01HZY5N2M4Q8T3V6X9C1B7D5EF' });
  const [first, second] = await Promise.all([
    recorder.record(event, PRODUCER),
    recorder.record(event, PRODUCER),
  ]);
  assert.deepEqual(first, second);
  await recorder.close('test');
  recorder = await box.open();
  assert.equal((await recorder.record(event, PRODUCER)).index, first.index);
  await recorder.close('test');
  assert.equal(entriesOf(box.disk).filter(({ id }) => id === event.id).length, 1);
});

test('a clock that goes back is flagged, and the order stays the index', async () => {
  const box = await machine();
  const recorder = await box.open();
  box.clock.ms += 1000;
  await recorder.record(note('later'), PRODUCER);
  box.clock.ms -= 5000;
  await recorder.record(note('earlier'), PRODUCER);
  await recorder.close('test');
  const [, later, earlier] = entriesOf(box.disk);
  assert.equal(later?.clock, undefined);
  assert.equal(earlier?.clock, 'back');
  await assertVerifies(box);
});

test('arguments are hashed and never stored; two card numbers give two hashes', async () => {
  const box = await machine();
  const recorder = await box.open();
  const withCard = (card: string): Event => call({ phase: 'point', action: { name: 'pay', args: { card } } });
  await recorder.record(withCard('4242424242424242'), PRODUCER);
  await recorder.record(withCard('5555555555554444'), PRODUCER);
  await recorder.close('test');
  const [, first, second] = entriesOf(box.disk).map((entry) => entry.action);
  assert.match(String(first?.args_hash_alg), /^hmac-sha256:/);
  assert.notEqual(first?.args_hash, second?.args_hash);
  assert.notEqual(first?.key, second?.key);
  assert.equal(JSON.stringify(entriesOf(box.disk)).includes('4242424242424242'), false);
});

test('a post_exec repeats run, step and action of its pre_exec', async () => {
  const box = await machine();
  const recorder = await box.open();
  const { id } = await recorder.record(call({ run_id: 'run_1' }), PRODUCER);
  await recorder.record(
    { type: 'http.call', phase: 'post_exec', parent_id: id, outcome: { status: 'ok' } },
    PRODUCER,
  );
  assert.equal(recorder.openActions(), 0);
  await recorder.close('test');
  const [, pre, post] = entriesOf(box.disk);
  assert.equal(post?.run_id, 'run_1');
  assert.equal(post?.step_id, pre?.step_id);
  assert.deepEqual(post?.action, pre?.action);
});

test('what is open at a clean close ends as unknown', async () => {
  const box = await machine();
  const recorder = await box.open();
  const { id } = await recorder.record(call(), PRODUCER);
  await recorder.close('test');
  const end = entriesOf(box.disk).find((entry) => entry.parent_id === id);
  assert.equal(end?.phase, 'post_exec');
  assert.equal(end?.outcome?.status, 'unknown');
});

test('a snapshot is announced before its first use in each segment, and again after a restart only in a new segment', async () => {
  const box = await machine();
  let recorder = await box.open();
  const decided = (): Event =>
    call({
      phase: 'point',
      decision: recorder.decide(
        {
          tenant_id: 'local',
          action: {
            name: 'http.call',
            target: { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET' },
          },
          credentials: [],
        },
        { identity: { level: 'anonymous' } },
      ),
    });
  await recorder.record(decided(), PRODUCER);
  await recorder.record(decided(), PRODUCER);
  await recorder.close('test');
  recorder = await box.open();
  await recorder.record(decided(), PRODUCER);
  await recorder.close('test');
  const entries = entriesOf(box.disk);
  const announcements = entries.filter(({ type }) => type === 'policy.snapshot');
  assert.equal(announcements.length, 1);
  const hash = announcements[0]?.metadata?.hash;
  assert.ok(box.disk.objects.has(`policies/${String(hash)}.json`));
  const firstUse = entries.findIndex((entry) => entry.decision !== undefined);
  assert.ok(entries.findIndex(({ type }) => type === 'policy.snapshot') < firstUse);
  await assertVerifies(box);
});

test('a closed recorder says so', async () => {
  const box = await machine();
  const recorder = await box.open();
  await recorder.close('test');
  await recorder.close('again');
  await assert.rejects(recorder.record(note('late'), PRODUCER), { code: 'LOG_CLOSED' });
});

test('a log of more than one segment goes on where it was, with announcements in every segment', {
  timeout: 60_000,
}, async () => {
  const box = await machine();
  let recorder = await box.open();
  const total = LIMITS.segmentEntries + 300;
  for (let done = 0; done < total; done += 5000) {
    const some = Math.min(5000, total - done);
    await Promise.all(Array.from({ length: some }, () => recorder.record(note('x'), PRODUCER)));
  }
  await recorder.close('test');
  assert.deepEqual([...box.disk.segments.keys()], [0, LIMITS.segmentEntries]);
  recorder = await box.open();
  const { index } = await recorder.record(note('after'), PRODUCER);
  assert.equal(index, total + 3);
  await recorder.close('test');
  await assertVerifies(box);
});
