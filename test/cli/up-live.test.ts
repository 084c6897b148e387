/** The live tail of the real command: over its end, however it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome, until } from '../support/home.ts';
import { listen } from '../support/sse.ts';

async function up(home: Home) {
  const child = home.start(['up', '--port', '0', '--json']);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const ready = await until(() => (said.includes('\n') ? said : undefined), 'the announcement');
  const { tail_url } = JSON.parse(ready) as { tail_url: string };
  return { child, ended, tail: tail_url };
}

/** What a client has that comes back with its last id whenever the stream ends. */
async function follow(tail: string, had: string[], last: number | undefined) {
  return listen(
    `${tail}?from=0`,
    last === undefined ? {} : { 'Last-Event-ID': String(last) },
    ({ event, data }) => {
      if (event === 'entry') had.push(data);
    },
  );
}

test('a client that comes back after kill -9 of the recorder has every entry once, in order', {
  timeout: 120_000,
}, async () => {
  const home = await makeHome();
  try {
    const had: string[] = [];
    let last: number | undefined;
    const acknowledged: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { child, ended, tail } = await up(home);
      const status = JSON.parse((await home.tally(['status', '--json'])).stdout) as { tail: { url: string } };
      assert.equal(status.tail.url, tail);
      const listener = await follow(tail, had, last);
      const session = await openSession({
        paths: home.paths,
        client: { surface: 'sdk' },
        require: 'client',
        onWarning: (line) => assert.fail(line),
      });
      for (let burst = 0; burst < 5; burst++) {
        const receipts = await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            session.ask('record', {
              event: { type: 'note', phase: 'point', metadata: { round, burst, i } },
            }),
          ),
        );
        acknowledged.push(...receipts.map(({ index }) => index));
      }
      if (round < 2) child.kill('SIGKILL');
      else {
        await until(() => (listener.lastId() ?? 0) >= Math.max(...acknowledged) || undefined, 'the rest');
        child.kill('SIGTERM');
      }
      await Promise.all([ended, listener.ended]);
      await session.close();
      // A client keeps the id that it has when nothing came.
      last = listener.lastId() ?? last;
    }
    const { stdout } = await home.tally(['log', 'tail', '--from', '0', '--jsonl']);
    const stored = stdout.split('\n').slice(0, -1);
    assert.deepEqual(had, stored.slice(0, had.length));
    assert.ok(had.length > Math.max(...acknowledged));
    const indexes = new Set(had.map((line) => (JSON.parse(line) as { index: number }).index));
    assert.ok(acknowledged.every((index) => indexes.has(index)));
  } finally {
    await home.remove();
  }
});
