/** A few hundred cases for each decoder and proof checker; scripts/fuzz.ts runs a million. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { target } from './target.ts';
import { TARGETS } from './targets.ts';

const RUNS = 300;

describe('hostile input', () => {
  for (const { name, check } of TARGETS) {
    it(name, async () => {
      const details = await check({ runs: RUNS, seed: Date.now() % 2 ** 31 });
      assert.ok(!details.failed, `${fc.defaultReportMessage(details)}\n${details.errorInstance}`);
      assert.equal(details.numRuns, RUNS);
    });
  }

  it('has a name of its own for each target', () => {
    assert.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length);
  });
});

describe('a broken promise', () => {
  it('is found, with the input and the seed', async () => {
    const broken = target('broken', fc.nat(1000), (n) => assert.ok(n < 900));
    const details = await broken.check({ runs: 1000, seed: 1 });
    assert.ok(details.failed);
    assert.deepEqual([details.counterexample, details.seed], [[900], 1]);
  });

  it('is found in a decoder that has to be waited for', async () => {
    const broken = target('broken', fc.nat(1000), async (n) => assert.ok(n < 900));
    assert.ok((await broken.check({ runs: 1000, seed: 1 })).failed);
  });
});
