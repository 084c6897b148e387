import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Run } from '../../src/sdk/types.ts';
import { until } from '../support/home.ts';
import { type Stage, stage } from './stage.ts';

async function* numbers(to: number) {
  for (let n = 1; n <= to; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (n === 4) throw new RangeError('four is too many');
    yield n;
  }
  return 'all';
}

async function collect(from: AsyncIterable<number>, most = Number.POSITIVE_INFINITY) {
  const got: number[] = [];
  for await (const n of from) {
    got.push(n);
    if (got.length >= most) break;
  }
  return got;
}

/** Both ways to a held action; the second one is over before its pieces are taken when no run is around it. */
const WAYS: Readonly<
  Record<string, (box: Stage, run: Run | undefined, to: number) => AsyncIterable<number>>
> = {
  'a guarded tool': ({ tally }, _run, to) => tally.guardTool(numbers, { name: 'count' })(to),
  'an action': (_box, run, to) => ({
    async *[Symbol.asyncIterator]() {
      assert.ok(run);
      yield* await run.act({ name: 'count', args: to }, () => numbers(to));
    },
  }),
};

const ended = ({ entries }: Stage) => entries('tool.result').map(({ outcome }) => outcome?.status);

async function taken(t: TestContext, way: string, to: number, most?: number) {
  const box = await stage(t);
  const got = await box.tally.run({}, async (run) => {
    const from = WAYS[way]?.(box, run, to);
    assert.ok(from);
    return collect(from, most).catch((error: unknown) => error);
  });
  return { box, got };
}

for (const way of Object.keys(WAYS)) {
  describe(`${way} that gives its result piece by piece`, () => {
    it('is over when the last piece was taken', async (t) => {
      const { box, got } = await taken(t, way, 3);
      assert.deepEqual(got, [1, 2, 3]);
      assert.deepEqual(ended(box), ['ok']);
    });

    it('fails when a piece fails', async (t) => {
      const { box, got } = await taken(t, way, 9);
      assert.ok(got instanceof RangeError);
      assert.deepEqual(ended(box), ['error']);
      assert.equal(box.entries('tool.result')[0]?.outcome?.error_kind, 'RangeError');
    });

    it('was given up when nobody takes the rest', async (t) => {
      const { box, got } = await taken(t, way, 3, 2);
      assert.deepEqual(got, [1, 2]);
      assert.deepEqual(ended(box), ['aborted']);
    });
  });
}

describe('a guarded generator', () => {
  it('does nothing before it is decided, and nothing at all when it is stopped', async (t) => {
    const box = await stage(t, {
      policy: `version: "1"
allowlist: []
rules: [{ id: no, when: 'action.name == "count"', decision: stop, reason: never }]
`,
    });
    let ran = 0;
    const guarded = box.tally.guardTool(
      async function* count() {
        ran++;
        yield 1;
      },
      { name: 'count' },
    );
    await assert.rejects(collect(guarded()), { code: 'STOPPED' });
    assert.equal(ran, 0);
  });

  it('has its own run where there is none, which lasts until the last piece', async (t) => {
    const box = await stage(t);
    const from = box.tally.guardTool(numbers, { name: 'count' })(3);
    assert.deepEqual(await from.next(), { done: false, value: 1 });
    assert.equal(box.entries('run.end').length, 0);
    assert.deepEqual(await collect(from), [2, 3]);
    await until(() => box.entries('run.end').length === 1, 'the end of its run');
    assert.deepEqual(ended(box), ['ok']);
  });

  it('takes what is sent to it, thrown into it, and gives what it returns', async (t) => {
    const { tally } = await stage(t);
    const echo = tally.guardTool(
      async function* echo(): AsyncGenerator<string, string, string> {
        let said = yield 'begin';
        try {
          for (;;) said = yield `heard ${said}`;
        } catch {
          return 'caught';
        }
      },
      { name: 'echo' },
    )();
    assert.equal((await echo.next()).value, 'begin');
    assert.equal((await echo.next('you')).value, 'heard you');
    assert.deepEqual(await echo.throw(new Error('x')), { done: true, value: 'caught' });
  });
});
