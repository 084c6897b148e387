import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { scoreOfChance, scoreOfNew } from '../../../src/core/baseline/score.ts';
import {
  addSketch,
  addValue,
  bucketOf,
  distribution,
  LAST_BUCKET,
  medianDeviation,
  middleOf,
  newHistogram,
  quantile,
  toSketch,
} from '../../../src/core/baseline/sketch.ts';
import {
  betaBinomialTail,
  fitTail,
  lnGamma,
  ratioOf,
  tailChance,
  wilson,
} from '../../../src/core/baseline/stats.ts';

const near = (a: number, b: number, relative = 1e-9): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b)), `${a} is not near ${b}`);
const values = fc.array(fc.oneof(fc.nat(300), fc.nat(1_000_000), fc.maxSafeNat()), {
  minLength: 1,
  maxLength: 200,
});

function histogramOf(all: readonly number[]) {
  const histogram = newHistogram();
  for (const value of all) addValue(histogram, value);
  return histogram;
}

describe('distributions', () => {
  it('put every number into a bucket whose middle is at most 1/128 away, and rise with it', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        assert.ok(Math.abs(middleOf(bucketOf(a)) - a) <= a / 128);
        assert.ok(bucketOf(a) <= LAST_BUCKET);
        if (a <= b) assert.ok(bucketOf(a) <= bucketOf(b));
      }),
    );
    for (let n = 0; n < 128; n++) assert.equal(middleOf(bucketOf(n)), n);
    assert.equal(bucketOf(Number.MAX_SAFE_INTEGER), LAST_BUCKET);
    assert.deepEqual([Number.NaN, -3, Number.POSITIVE_INFINITY].map(bucketOf), [0, 0, LAST_BUCKET]);
  });

  it('give quantiles within that of the sorted values', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, q) => {
        const sorted = all.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * all.length)) - 1] ?? 0;
        const found = quantile(distribution(histogramOf(all)), q) ?? Number.NaN;
        assert.ok(Math.abs(found - exact) <= exact / 128, `${found} for ${exact}`);
      }),
    );
  });

  it('are the same in any order, and when parts are added up', () => {
    fc.assert(
      fc.property(values, fc.nat(200), (all, cut) => {
        const parts = newHistogram();
        addSketch(parts, toSketch(histogramOf(all.slice(cut).reverse())));
        addSketch(parts, toSketch(histogramOf(all.slice(0, cut))));
        assert.deepEqual(toSketch(parts), toSketch(histogramOf(all)));
      }),
    );
  });

  it('know the median distance from the median', () => {
    assert.equal(medianDeviation(distribution(histogramOf([1, 1, 2, 2, 4, 6, 9]))), 1);
    assert.equal(medianDeviation(distribution(newHistogram())), undefined);
  });
});

describe('chances', () => {
  it('are those of published tables', () => {
    near(lnGamma(0.5), Math.log(Math.sqrt(Math.PI)));
    near(lnGamma(10), Math.log(362_880));
    // Wilson (1927) as in Brown, Cai, DasGupta (2001) and R's prop.test(15, 50, correct = FALSE).
    const [low, high] = wilson(15, 50);
    near(low, 0.19103, 1e-4);
    near(high, 0.4375, 1e-3);
    assert.deepEqual([wilson(0, 900)[0], wilson(9, 9)[1], wilson(0, 0)], [0, 1, [0, 1]]);
    // Uniform chances make every count equally likely.
    near(betaBinomialTail(7, 10, 1, 1), 4 / 11);
    // With ever less spread it becomes the binomial: P(K ≥ 8 | 10, 1/2) = 56/1024.
    near(betaBinomialTail(8, 10, 1e6, 1e6), 56 / 1024, 1e-4);
  });

  it('of a count fall as it rises, between 0 and 1', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.nat(2000),
        fc.double({ min: 1e-6, max: 1e4, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e4, noNaN: true }),
        (n, k, a, b) => {
          const more = betaBinomialTail(k + 1, n, a, b);
          const here = betaBinomialTail(k, n, a, b);
          assert.ok(more >= 0 && here <= 1 && more <= here * (1 + 1e-6), `${more} ${here}`);
        },
      ),
    );
  });

  it('of an amount fall as it rises, also of constants and of wild values', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(fc.nat(50), { minLength: 20, maxLength: 300 }),
          fc.array(fc.maxSafeNat(), { minLength: 20, maxLength: 100 }),
          fc.constant(new Array<number>(40).fill(3)),
        ),
        fc.nat(1_000_000),
        (all, n) => {
          const tail = fitTail(distribution(histogramOf(all)));
          assert.ok(tail);
          const here = tailChance(tail, n);
          const more = tailChance(tail, n + 1);
          assert.ok(more >= 0 && here <= 1 && more <= here + 0.5);
          if (n > tail.from) assert.ok(more <= here);
        },
      ),
    );
  });

  it('take failures that come in clusters for more usual than those that come alone', () => {
    const alone = ratioOf(Array.from({ length: 100 }, (_, i) => [50, i % 2] as const));
    const clustered = ratioOf(Array.from({ length: 100 }, (_, i) => [50, i % 25 === 0 ? 12 : 0] as const));
    assert.ok(clustered.dispersion > 5 * alone.dispersion);
    const chance = (of: typeof alone): number => betaBinomialTail(10, 50, of.a, of.b);
    assert.ok(chance(clustered) > 100 * chance(alone));
  });
});

describe('scores', () => {
  it('are 0.5 where it is worth a look, 0.9 where it is an alarm, and rise towards 1', () => {
    assert.deepEqual(
      [1, 0.02, 0.001, 0].map((chance) => scoreOfChance(chance, 1)),
      [0, 0.5, 0.9, 1],
    );
    assert.equal(scoreOfChance(0.001 / 14, 14), 0.9);
    assert.deepEqual([scoreOfNew(0, 9), scoreOfNew(0, 49), scoreOfNew(9, 9)], [0.5, 0.9, 0]);
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, b) => {
          if (a <= b) assert.ok(scoreOfChance(a, 1) >= scoreOfChance(b, 1));
        },
      ),
    );
  });
});
