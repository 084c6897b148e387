/** Whatever a program hands over, and however it ends: nothing throws into it, nothing of it is run, and nothing is dropped unsaid. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeCompleteness } from '../../src/core/query/completeness.ts';
import { shared } from '../../src/sdk/context.ts';
import { stage, until } from './stage.ts';

const judged = (entries: readonly object[]) => {
  const judge = judgeCompleteness();
  for (const entry of entries) judge.see(entry as never);
  const { without_end_count, runs_without_end_count, steps_missing_count, gap_count } = judge.finish(false);
  return { without_end_count, runs_without_end_count, steps_missing_count, gap_count };
};
const NOTHING_MISSING = {
  without_end_count: 0,
  runs_without_end_count: 0,
  steps_missing_count: 0,
  gap_count: 0,
};

test('calls with nothing, with members that throw, with proxies: what cannot be read is lost, counted and said', async (t) => {
  const box = await stage(t);
  const traps: string[] = [];
  const trapped = (what: string) => ({
    get: () => {
      traps.push(what);
      throw new Error('a trap');
    },
  });
  const throwing = Object.defineProperty({}, 'name', {
    enumerable: true,
    get() {
      throw new Error('a getter');
    },
  });
  const bags = [undefined, null, 7, 'text', [], throwing, new Proxy({}, trapped('bag')), Object.create(null)];
  let lost = 0;
  await box.tally.run(async (run) => {
    const methods = Object.entries(run as unknown as Record<string, unknown>).filter(
      ([name, method]) =>
        typeof method === 'function' && !['act', 'delegate', 'delegateToken', 'flush', 'room'].includes(name),
    ) as [string, (...given: unknown[]) => { id: string; stepId: string } & Promise<unknown>][];
    assert.ok(methods.length >= 12);
    for (const [name, method] of methods)
      for (const bag of bags) {
        const noted = method(bag, bag, bag);
        assert.match(noted.id, /^log_/, name);
        const became = await noted.catch((error: unknown) => error);
        if (became instanceof Error) lost++;
      }
    await assert.rejects(
      run.act(throwing as never, () => assert.fail('it was begun')),
      /a getter/,
    );
    await assert.rejects(
      run.act(null as never, () => assert.fail('it was begun')),
      TypeError,
    );
  });
  const counts = box.entries('log.gap').map(({ metadata }) => metadata?.count as number);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    lost,
  );
  assert.ok(lost > 0);
  const { steps_missing_count } = judged(box.entries());
  assert.ok(steps_missing_count <= lost, 'a call that could not be read has a number of its own at most');
  assert.ok(traps.length < 200);
});

test('names out of prototypes, cycles through them, and 50 MB of text are values like others', async (t) => {
  const box = await stage(t);
  const large = 'x'.repeat(50 * 1024 * 1024);
  const odd = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toJSON":1}',
  ) as object;
  const cyclic: Record<string, unknown> = Object.create({ inherited: 'not its own' });
  cyclic.self = [new Map([[cyclic, new Set([cyclic])]])];
  const values = [
    large,
    { large },
    odd,
    cyclic,
    { toJSON: () => assert.fail('it was asked') },
    new (class A {
      #own = 1;
      shown = this.#own;
    })(),
  ];
  const given = await box.tally.run(async (run) => {
    for (const value of values) {
      run.userMessage(value);
      run.toolResult(run.toolCall({ name: 'echo', args: value }), { output: value, error: value });
      const same = await run.act({ name: 'echo', args: value, metadata: { value } }, () => value);
      assert.equal(same, value, 'what was done is given as it is');
    }
    return values.length;
  });
  assert.equal(given, values.length);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  assert.deepEqual(box.warnings, []);
  assert.deepEqual(judged(box.entries()), NOTHING_MISSING);
  assert.ok(box.entries().every((entry) => JSON.stringify(entry).length < 64 * 1024));
});

test('a program that ends where nobody records any more leaves word of what is not on record', async (t) => {
  const box = await stage(t, { tally: { handleExit: true } });
  let over: () => void = () => undefined;
  let begun = false;
  const running = box.tally.run(async (run) => {
    void run.act('look', () => {
      begun = true;
      return new Promise<void>((resolve) => {
        over = resolve;
      });
    });
    await until(() => begun);
    await box.down();
    run.note('the last word');
    // As in the handler of `exit`: nothing can be waited for.
    for (const ending of shared.endings)
      ending.lastWords({ status: 'error', kind: 'process_exit', error: 'exit code 3' });
    over();
  });
  await running;
  const what = box.remembered.map((lost) => lost.what).join();
  assert.match(what, /step\.note/);
  assert.match(what, /the end of an action/);
  assert.match(what, /run\.end of run_/);
  await box.up();
});

test('hundreds of runs side by side, half of which fail, each end once and lose nothing', async (t) => {
  const box = await stage(t);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 300 }, (_, i) =>
      box.tally.run({ workflow: `w${i}` }, async (run) => {
        run.note(i);
        await run.act('look', () => {
          if (i % 2 === 1) throw new RangeError('odd');
        });
      }),
    ),
  );
  assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 150);
  const ends = box.entries('run.end').map(({ run_id }) => run_id);
  assert.equal(new Set(ends).size, 300);
  assert.equal(ends.length, 300);
  assert.equal(box.entries('run.end').filter(({ outcome }) => outcome?.status === 'error').length, 150);
  assert.deepEqual(judged(box.entries()), NOTHING_MISSING);
});
