import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseLiveRequest } from '../../src/core/live/params.ts';
import { factsOf } from '../../src/core/query/call.ts';
import { matchesCall } from '../../src/core/query/filter.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { fileReader } from '../../src/store/file/reader.ts';
import { until } from '../support/home.ts';
import { liveMachine, point, SDK } from '../support/live.ts';
import { listen as connect, type Listener } from '../support/sse.ts';

const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listen(...args: Parameters<typeof connect>): Promise<Listener> {
  const listener = await connect(...args);
  ends.push(listener.cut);
  return listener;
}

async function storedLines(log: string): Promise<string[]> {
  const reader = fileReader(log);
  const blocks: Uint8Array[] = [];
  for (const { first } of await reader.segments())
    for await (const block of reader.read(first)) blocks.push(block);
  return Buffer.concat(blocks).toString('utf8').split('\n').slice(0, -1);
}

const agents = ['ada', 'ben', 'cy'];
async function call(recorder: LocalRecorder, i: number): Promise<void> {
  const agent = agents[i % agents.length] ?? '';
  const pre = await recorder.record(
    {
      type: 'tool.call',
      phase: 'pre_exec',
      run_id: `run_${i % 5}`,
      actor: { agent_id: agent },
      reason: i % 4 === 0 ? 'monthly invoice for customer' : 'look something up',
      action: { name: i % 2 === 0 ? 'search' : 'send', target: { scheme: 'https', host: 'api.example.com' } },
      decision: { outcome: i % 7 === 0 ? 'stop' : 'allow', reason: 'because', layers: [], enforced: false },
    },
    SDK,
  );
  await recorder.record(
    {
      type: 'tool.call',
      phase: 'post_exec',
      parent_id: pre.id,
      outcome: { status: i % 3 === 0 ? 'error' : 'ok', status_code: i % 3 === 0 ? 500 : 200 },
    },
    SDK,
  );
}

describe('the live tail', () => {
  it('sends what is there from an index on, and then every entry as it comes: stored bytes, ids without holes', async () => {
    const box = await liveMachine(ends);
    const { recorder, tail, stop } = await box.start();
    for (let i = 0; i < 400; i++) await call(recorder, i);
    await recorder.sealed();
    const listener = await listen(`${tail}?from=0`);
    assert.equal(listener.headers['content-type'], 'text/event-stream; charset=utf-8');
    await until(() => listener.entries().length >= 801 || undefined, 'what is there');
    for (let i = 0; i < 50; i++) await call(recorder, i);
    await stop();
    await listener.ended;
    const lines = await storedLines(box.log);
    assert.deepEqual(
      listener.entries().map(({ line }) => line),
      lines,
    );
    assert.deepEqual(
      listener.entries().map(({ index }) => index),
      lines.map((_, i) => i),
    );
    const [state] = listener.events;
    assert.deepEqual(state?.event, 'state');
    assert.deepEqual(JSON.parse(state?.data ?? ''), {
      log: 'local',
      origin: 'test.example/local',
      size: 801,
      signed: JSON.parse(state?.data ?? '').signed,
      from: 0,
    });
    assert.match(lines.at(-1) ?? '', /"type":"log.close"/);
    assert.deepEqual(JSON.parse(listener.events.at(-1)?.data ?? ''), {
      reason: 'the recorder is closing',
      next: lines.length,
    });
  });

  it('loses nothing and repeats nothing under disconnects, reconnects and appends at a high rate', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ after: fc.integer({ min: 1, max: 400 }), pause: fc.boolean() }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (cuts) => {
          const box = await liveMachine(ends);
          const { recorder, tail, stop } = await box.start();
          let writing = true;
          const writer = (async () => {
            for (let i = 0; writing; i++) {
              await Promise.all(Array.from({ length: 20 }, (_, k) => call(recorder, i * 20 + k)));
              await new Promise((resolve) => setImmediate(resolve));
            }
          })();
          const got: string[] = [];
          let last: number | undefined;
          for (const { after, pause } of cuts) {
            const headers: Record<string, string> =
              last === undefined ? {} : { 'Last-Event-ID': String(last) };
            const listener = await listen(`${tail}?from=0`, headers);
            if (pause) {
              listener.pause();
              await new Promise((resolve) => setTimeout(resolve, 20));
              listener.resume();
            }
            await until(() => listener.entries().length >= after || undefined, `${after} entries`);
            listener.cut();
            last = listener.lastId();
            got.push(...listener.entries().map(({ line }) => line));
          }
          writing = false;
          await writer;
          const rest = await listen(`${tail}?from=0`, { 'Last-Event-ID': String(last) });
          await stop();
          await rest.ended;
          got.push(...rest.entries().map(({ line }) => line));
          // The end may come while it is still catching up: then it says where to go on.
          const { next } = JSON.parse(rest.events.at(-1)?.data ?? '{}') as { next: number };
          const lines = await storedLines(box.log);
          assert.equal(got.length, next);
          assert.ok(next > (last ?? 0));
          assert.deepEqual(got, lines.slice(0, next));
        },
      ),
      { numRuns: 6 },
    );
  });

  it('lets through what a filter asks for, an end together with its beginning: as brute force finds it', async () => {
    const box = await liveMachine(ends);
    const { recorder, tail, stop } = await box.start();
    const queries = [
      'agent=ada',
      'type=tool.call&phase=post',
      'decision=stop',
      'status=500&agent=ben',
      'text=invoice',
      'text=INVOICE+customer&failed',
      'run=run_1&status-class=2xx',
      'type=log',
      'host=*.example.com&redacted=false',
    ];
    for (let i = 0; i < 100; i++) await call(recorder, i);
    const listeners = await Promise.all(
      queries.flatMap((query) =>
        ['&from=0', '&from=117', ''].map((from) => listen(`${tail}?${query}${from}`)),
      ),
    );
    const began = recorder.size();
    for (let i = 100; i < 160; i++) await call(recorder, i);
    await stop();
    await Promise.all(listeners.map(({ ended }) => ended));
    const entries = (await storedLines(box.log)).map((line) => JSON.parse(line) as JsonObject);
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    let caughtUp = 0;
    for (const [at, query] of queries.entries()) {
      const parsed = parseLiveRequest(query, undefined, Date.now());
      assert.ok('request' in parsed);
      const { filter } = parsed.request;
      const wanted = entries.filter((entry) => {
        const first = entry.phase === 'post_exec' ? byId.get(entry.parent_id ?? '') : undefined;
        const call = first === undefined ? { first: entry } : { first, last: entry };
        if (filter.phase !== undefined)
          return factsOf({ first: entry }).phase === filter.phase && entry.type === 'tool.call';
        return matchesCall(call, filter);
      });
      for (const [k, from] of [0, 117, began].entries()) {
        const listener = listeners[at * 3 + k];
        // The end may come while it is still catching up: then it says where to go on.
        const { next } = JSON.parse(listener?.events.at(-1)?.data ?? '{}') as { next: number };
        assert.deepEqual(
          listener?.entries().map(({ index }) => index),
          wanted.map(({ index }) => Number(index)).filter((index) => index >= from && index < next),
          `${query} from ${from} up to ${next}`,
        );
        caughtUp += next === entries.length ? 1 : 0;
      }
    }
    assert.ok(caughtUp > 0, 'at least one was live when it ended');
  });

  it('serves a reader that takes nothing for a while from the log afterwards, and tells it so', async () => {
    const box = await liveMachine(ends, { segmentEntries: 4096 });
    const { recorder, tail, stop } = await box.start();
    const slow = await listen(tail);
    await point(recorder, 'it is live');
    await until(() => slow.entries().length > 0 || undefined, 'the live part');
    await new Promise((resolve) => setTimeout(resolve, 50));
    slow.pause();
    // More than the kernel holds for two ends of a connection.
    const event = { type: 'note', phase: 'point', long: 'x y '.repeat(13_000) } as const;
    for (let i = 0; i < 50; i++)
      await Promise.all(Array.from({ length: 20 }, () => recorder.record(event, SDK)));
    slow.resume();
    await until(() => (slow.lastId() ?? 0) >= recorder.size() - 1 || undefined, 'the rest');
    const indexes = slow.entries().map(({ index }) => index);
    assert.deepEqual(
      indexes,
      indexes.map((_, i) => 1 + i),
    );
    assert.equal(indexes.at(-1), recorder.size() - 1);
    const lag = slow.events.find(({ event }) => event === 'lag');
    assert.ok(
      lag,
      `it was told: ${slow.events.filter(({ event }) => event !== 'entry').map(({ event }) => event)}`,
    );
    assert.ok(JSON.parse(lag.data).from > 1);
    await point(recorder, 'afterwards');
    await until(() => (slow.lastId() ?? 0) >= recorder.size() - 1 || undefined, 'the live part');
    await stop();
  });

  it('goes on where it was after the recorder came back, and says how long none ran', async () => {
    const box = await liveMachine(ends);
    const first = await box.start();
    const listener = await listen(`${first.tail}?from=0`);
    await point(first.recorder, 'one');
    await first.stop();
    await listener.ended;
    const second = await box.start();
    const again = await listen(second.tail, { 'Last-Event-ID': String(listener.lastId()) });
    await point(second.recorder, 'two');
    await second.stop();
    await again.ended;
    assert.deepEqual(
      [...listener.entries(), ...again.entries()].map(({ line }) => line),
      await storedLines(box.log),
    );
    const gap = again.events.find(({ event }) => event === 'gap');
    const { kind, closed, before, since, until: to } = JSON.parse(gap?.data ?? '{}');
    assert.deepEqual({ kind, closed, before }, { kind: 'stopped', closed: true, before: 3 });
    assert.ok(since <= to);
  });

  it('ends a client beyond the bound with a clear answer, and serves the others', async () => {
    const box = await liveMachine(ends);
    const { tail, stop } = await box.start();
    const many = await Promise.all(
      Array.from({ length: LIMITS.liveFilters }, (_, i) => listen(`${tail}?agent=agent-${i}`)),
    );
    assert.ok(many.every(({ status }) => status === 200));
    const refused = await listen(`${tail}?agent=one-more`);
    await refused.ended;
    assert.equal(refused.status, 503);
    assert.match(refused.text(), /64 different filters are in use already/);
    assert.equal((await listen(`${tail}?agent=agent-1`)).status, 200);
    await stop();
  });
});
