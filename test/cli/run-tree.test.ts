import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { barText, branchText } from '../../src/cli/commands/log/run-text.ts';
import { type Step, type TreeLine, treeOf } from '../../src/cli/commands/log/run-tree.ts';
import { factsOf } from '../../src/core/query/call.ts';

const NONE: ReadonlySet<string> = new Set();

function step(index: number, rest: Partial<Step> & { readonly agent?: string } = {}): Step {
  const { agent = 'lead', ...given } = rest;
  return {
    index,
    end: index,
    id: `log_${index}`,
    endId: `end_${index}`,
    parent: undefined,
    facts: factsOf({
      first: { type: 'tool.call', phase: 'pre_exec', actor: { agent_id: agent }, outcome: { status: 'ok' } },
    }),
    chain: [],
    startMs: index * 10,
    endMs: index * 10 + 5,
    ...given,
  };
}

const told = (lines: readonly TreeLine[]): readonly string[] =>
  lines.map(({ item, depth }) => `${depth}:${item.kind === 'agent' ? item.agent : item.step.index}`);

describe('the tree of a run', () => {
  it('puts a step under its parent, whether that names the beginning or the end', () => {
    const lines = treeOf(
      [step(1), step(2, { parent: 'log_1' }), step(3, { parent: 'end_2' }), step(4)],
      NONE,
      NONE,
    );
    assert.deepEqual(told(lines), ['0:1', '1:2', '2:3', '0:4']);
  });

  it('puts delegated work under the agents it was handed to, and theirs under them', () => {
    const lines = treeOf(
      [
        step(1),
        step(2, { agent: 'reader', chain: ['lead'] }),
        step(3, { agent: 'quoter', chain: ['lead', 'reader'] }),
        step(4, { agent: 'reader', chain: ['lead'] }),
        step(5, { agent: 'reader', chain: ['lead'], parent: 'log_1' }),
      ],
      NONE,
      NONE,
    );
    assert.deepEqual(told(lines), ['0:1', '1:5', '0:reader', '1:2', '1:quoter', '2:3', '1:4']);
  });

  it('names a parent that the log does not have, and only that', () => {
    const flaws = (elsewhere: ReadonlySet<string>, start: ReadonlySet<string>) =>
      treeOf([step(7, { parent: 'log_0' })], elsewhere, start).map(({ item }) =>
        item.kind === 'step' ? item.flaws : [],
      );
    assert.deepEqual(flaws(NONE, NONE), [['parent_missing']]);
    assert.deepEqual(flaws(new Set(['log_0']), NONE), [[]]);
    assert.deepEqual(flaws(NONE, new Set(['log_0'])), [[]]);
  });

  it('says of a beginning without an end that it is open', () => {
    const facts = factsOf({ first: { type: 'http.call', phase: 'pre_exec' } });
    const [line] = treeOf([step(1, { end: undefined, endId: undefined, facts })], NONE, NONE);
    assert.deepEqual(line?.item.kind === 'step' && line.item.flaws, ['open']);
  });

  it('shows every step once, whatever the parents are, also those that name themselves or what comes later', () => {
    const parents = fc.array(fc.option(fc.nat(40), { nil: undefined }), { maxLength: 40 });
    fc.assert(
      fc.property(parents, (all) => {
        const steps = all.map((parent, index) =>
          step(index, parent === undefined ? {} : { parent: `log_${parent}` }),
        );
        const shown = treeOf(steps, NONE, NONE).map(({ item }) => item.kind === 'step' && item.step.index);
        assert.deepEqual(
          shown.toSorted((a, b) => Number(a) - Number(b)),
          steps.map(({ index }) => index),
        );
      }),
    );
  });

  it('draws a chain of ten thousand steps without a stack for each', () => {
    const steps = Array.from({ length: 10_000 }, (_, n) =>
      step(n, n === 0 ? {} : { parent: `log_${n - 1}` }),
    );
    const lines = treeOf(steps, NONE, NONE);
    const last = lines.at(-1);
    assert.equal(last?.depth, 9_999);
    assert.ok(branchText(last.depth, last.last).length < 60);
    assert.match(branchText(last.depth, last.last), /^…9991 /);
  });
});

describe('the axis of a run', () => {
  const axis = { fromMs: 0, spanMs: 100, columns: 10 };
  const drawn = (startMs: number, endMs: number, end: number | undefined, phase = 'pre_exec') =>
    barText({ startMs, endMs, end, facts: factsOf({ first: { type: 'x', phase } }) }, axis);

  it('shows when a step ran, and lets what is open go on to the end', () => {
    assert.equal(drawn(20, 45, 9), '  ███');
    assert.equal(drawn(100, 100, 9), '         █');
    assert.equal(drawn(60, 60, undefined), '      ░░░░');
    assert.equal(drawn(60, 60, undefined, 'point'), '      •');
  });

  it('stays inside of its columns when clocks went back', () => {
    assert.equal(drawn(50, -900, 9), '     █');
    assert.equal(drawn(-50, 900, 9), '██████████');
  });
});
