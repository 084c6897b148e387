/** The tests can fail: bugs planted on purpose are found by the tests that are named with them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MUTANTS } from './mutants.ts';
import { copyTree, type Found, judge, plant, plantAll, runTests } from './plant.ts';

const JOBS = 2;

describe('a planted bug', () => {
  let folder = '';
  const results = new Map<string, Found>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tally-mutants-'));
    await plantAll(folder, MUTANTS, JOBS, ({ name }, found) => results.set(name, found));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('is what those tests fail for: without one they pass in a copy too', async () => {
    const tree = join(folder, 'pristine');
    await copyTree(tree);
    const [first] = MUTANTS;
    assert.ok(first !== undefined);
    assert.deepEqual(judge(await runTests(tree, first)), { found: false, why: 'every test passes' });
  });

  for (const { name } of MUTANTS) {
    it(`is found: ${name}`, () => {
      const result = results.get(name);
      assert.ok(result?.found === true, result?.found === false ? result.why : 'it was not planted');
    });
  }

  it('is not planted where the code has moved', async () => {
    const tree = join(folder, 'pristine');
    const gone = { name: 'gone', file: 'src/core/bytes.ts', from: 'no such text', to: '', tests: [] };
    await assert.rejects(plant(tree, gone), /0 times: the code moved/);
    const often = { ...gone, from: 'return' };
    await assert.rejects(plant(tree, often), /the code moved/);
  });
});

describe('a test run', () => {
  it('finds nothing when no test ran, or all passed', () => {
    assert.equal(judge({ code: 1, hung: false, output: 'SyntaxError' }).found, false);
    assert.equal(judge({ code: 1, hung: false, output: 'not ok 1 - test/a.test.ts\n' }).found, false);
    assert.equal(judge({ code: 0, hung: false, output: 'ok 1 - a\n' }).found, false);
    assert.deepEqual(judge({ code: 1, hung: false, output: 'ok 1 - a\n    not ok 2 - b\n' }), {
      found: true,
      by: ['b'],
    });
  });
});
