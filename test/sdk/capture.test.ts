/** Whatever a program hands over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capture } from '../../src/sdk/capture.ts';
import { stage } from './stage.ts';

const BYTES = 64 * 1024;
const of = (value: unknown) => capture(value, BYTES);

describe('values of a program', () => {
  it('stand there as plain JSON, each kind in a form that tells it from others', () => {
    const bytes = Buffer.from('secret');
    const cycle: Record<string, unknown> = { a: { b: 1 } };
    cycle.self = cycle;
    const cases: readonly (readonly [unknown, unknown, boolean])[] = [
      [{ a: 1, b: [true, null, 'x'] }, { a: 1, b: [true, null, 'x'] }, true],
      [10n ** 20n, '100000000000000000000', true],
      [new Date(0), '1970-01-01T00:00:00.000Z', true],
      [new Date(Number.NaN), { $left_out: 'date', is: 'invalid' }, true],
      [new Map([['k', { v: 1 }]]), { $map: [['k', { v: 1 }]] }, true],
      [new Set([1, 'a']), { $set: [1, 'a'] }, true],
      [
        Object.assign(new TypeError('no'), { code: 'E' }),
        { $error: { name: 'TypeError', message: 'no', code: 'E' } },
        true,
      ],
      [new URL('https://a.example/b?c=d'), 'https://a.example/b?c=d', true],
      [Number.NaN, { $left_out: 'number', is: 'NaN' }, true],
      [undefined, null, true],
      [{ gone: undefined, here: 1 }, { here: 1 }, true],
      [[1, undefined], [1, null], true],
      [() => 1, { $left_out: 'function' }, false],
      [Symbol('s'), { $left_out: 'symbol' }, false],
      [new Proxy({}, {}), { $left_out: 'proxy' }, false],
      [Promise.resolve(1), { $left_out: 'promise' }, false],
      [cycle, { a: { b: 1 }, self: { $left_out: 'cycle', to: '/' } }, true],
      [{ $left_out: 'mine' }, { $$left_out: 'mine' }, true],
    ];
    for (const [given, expected, whole] of cases) {
      const taken = of(given);
      assert.deepEqual(taken.value, expected);
      assert.equal(taken.whole, whole, JSON.stringify(expected));
    }
    const taken = of(bytes).value as Record<string, unknown>;
    assert.deepEqual(Object.keys(taken), ['$left_out', 'length', 'sha256']);
    assert.notDeepEqual(taken, of(Buffer.from('Secret')).value, 'other bytes look otherwise');
  });

  it('are read without running any of the program’s code, and are left as they are', () => {
    let ran = 0;
    const trap = () => {
      ran++;
      throw new Error('a trap');
    };
    const hostile = {
      get getter() {
        return trap();
      },
      toJSON: trap,
      toString: trap,
      [Symbol.toPrimitive]: trap,
      [Symbol.iterator]: trap,
      proxy: new Proxy(
        {},
        { ownKeys: trap, get: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap },
      ),
      error: Object.defineProperty(new Error('x'), 'message', { get: trap }),
      date: Object.assign(new Date(0), { toISOString: trap, getTime: trap }),
      map: Object.assign(new Map([[1, 2]]), { entries: trap, [Symbol.iterator]: trap }),
      list: Object.defineProperty([1, 2], 0, { get: trap }),
      fake: Object.create(URL.prototype) as unknown,
      frozen: Object.freeze({ a: Object.freeze([1]) }),
    };
    const before = Object.getOwnPropertyDescriptors(hostile);
    assert.doesNotThrow(() => JSON.stringify(of(hostile).value));
    assert.equal(ran, 0);
    assert.deepEqual(Object.getOwnPropertyDescriptors(hostile), before);
  });

  it('do not reach prototypes', () => {
    const taken = of(JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"x": 1}}}'));
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.equal(
      JSON.stringify(taken.value),
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}}}',
    );
  });

  it('are bounded in size, depth and number, and say what was left out', () => {
    const deep: unknown[] = [];
    let at = deep;
    for (let i = 0; i < 100_000; i++) {
      const next: unknown[] = [];
      at.push(next);
      at = next;
    }
    let shared: unknown = 1;
    for (let i = 0; i < 64; i++) shared = [shared, shared];
    const large = 'x'.repeat(50 * 1024 * 1024);
    for (const value of [
      deep,
      shared,
      large,
      { large },
      Array(10_000_000),
      new Array(1e6).fill('text'),
      Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [i, i])),
    ]) {
      const started = performance.now();
      const { value: taken, leftOutCount } = of(value);
      assert.ok(leftOutCount > 0);
      assert.ok(JSON.stringify(taken).length < 4 * BYTES);
      assert.ok(performance.now() - started < 5_000);
    }
    assert.equal(of({ large }).whole, true, 'a long text stands there by its hash');
    assert.notDeepEqual(of(`${large}a`).value, of(`${large}b`).value);
  });

  it('of any kind give JSON within the bound, never throw, and equal values look equal', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
          withBoxedValues: true,
          withObjectString: true,
          withUnicodeString: true,
        } as never),
        (value) => {
          const text = JSON.stringify(of(value).value);
          assert.ok(text.isWellFormed());
          assert.equal(JSON.stringify(of(value).value), text);
          assert.equal(JSON.stringify(JSON.parse(text)), text);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are recorded from every method of a run, which never throws for one', async (t) => {
    const box = await stage(t);
    const cycle: Record<string, unknown> = {};
    cycle.cycle = cycle;
    const odd = [
      cycle,
      10n,
      Buffer.alloc(10),
      new Map([[{}, 1]]),
      new Proxy({}, {}),
      Symbol('x'),
      'x'.repeat(2_000_000),
      '\ud800',
      null,
      undefined,
    ] as const;
    await box.tally.run({ metadata: cycle, workflow: '\ud800' }, async (run) => {
      for (const value of odd) {
        const free = value as never;
        const about = { metadata: free, risk: free, reason: free, subject: free };
        run.userMessage(value, about);
        const call = run.modelCall({ model: free, provider: free, input: value, params: free });
        run.modelResponse(call, { output: value, usage: free, metadata: free, durationMs: free });
        run.toolResult(run.toolCall({ name: free, args: value, version: free }), { error: value });
        run.decision({ what: free, chosen: value, why: free });
        run.error(value, about);
        run.custom(free, value, about);
        run.modelResponse(free);
        await run.act(
          { name: 'echo', args: value, metadata: free, reason: free, subject: free },
          () => value,
        );
      }
      await run.flush();
    });
    assert.deepEqual(box.warnings, []);
    assert.equal(box.entries('log.gap').length, 0);
    assert.equal(
      box.entries('tool.result').filter(({ source }) => source.assurance === 'enforced').length,
      odd.length,
    );
  });
});
