/** Completeness by where entries came in and by agent, and the steps of runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { isComplete, judgeCompleteness } from '../../../src/core/query/completeness.ts';

type Said = JsonObject & { readonly type: string; readonly by?: string; readonly as?: string };

/** `by`: the agent; `as`: surface and assurance. */
function judged(entries: readonly Said[], alive?: boolean) {
  const judge = judgeCompleteness();
  entries.forEach(({ by, as = 'sdk enforced', ...entry }, index) => {
    const [surface = '', assurance = ''] = as.split(' ');
    judge.see({
      index,
      id: `log_${index}`,
      ts: new Date(index * 1_000).toISOString(),
      phase: 'point',
      ...entry,
      ...(by === undefined ? {} : { actor: { agent_id: by } }),
      source: { recorder_id: 'a', seq: index, surface, assurance },
    });
  });
  return judge.finish(alive);
}

const start = (run_id: string, by: string): Said => ({ type: 'run.start', run_id, by });
const end = (run_id: string): Said => ({ type: 'run.end', run_id });
const step = (run_id: string, step_id: number | string): Said => ({
  type: 'step.note',
  run_id,
  step_id: String(step_id),
  as: 'sdk self_reported',
});

describe('completeness by source', () => {
  it('counts for each surface and each agent what its entries are worth, and what is missing', () => {
    const { sources } = judged(
      [
        start('r1', 'ann'),
        { type: 'tool.call', phase: 'pre_exec', run_id: 'r1', by: 'ann' },
        {
          type: 'tool.result',
          phase: 'post_exec',
          parent_id: 'log_1',
          outcome: { status: 'unknown' },
          by: 'ann',
        },
        start('r2', 'bob'),
        { type: 'tool.call', phase: 'pre_exec', run_id: 'r2', by: 'bob' },
        { type: 'http.call', phase: 'pre_exec', as: 'proxy enforced', by: 'ann' },
        { type: 'log.gap', metadata: { surface: 'sdk' }, as: 'sdk self_reported' },
        { type: 'decision.made', as: 'http observed' },
      ],
      false,
    );
    const sdk = sources.find(({ surface }) => surface === 'sdk');
    assert.deepEqual(
      sdk?.agents.map(({ agent, enforced, without_end, runs_without_end, unknown_ends, complete }) => [
        agent,
        enforced,
        without_end,
        runs_without_end,
        unknown_ends,
        complete,
      ]),
      [
        ['ann', 3, 0, 1, 1, false],
        ['bob', 2, 1, 1, 0, false],
      ],
    );
    assert.deepEqual([sdk?.entries, sdk?.gaps, sdk?.label, sdk?.complete], [6, 1, 'mixed', false]);
    const proxy = sources.find(({ surface }) => surface === 'proxy');
    assert.deepEqual([proxy?.label, proxy?.without_end, proxy?.agents.length], ['enforced', 1, 1]);
    assert.deepEqual(sources.find(({ surface }) => surface === 'http')?.label, 'observed');
    assert.deepEqual(sources.find(({ surface }) => surface === 'http')?.complete, true);
  });

  it('calls what is under way open, while a recorder lives', () => {
    const { sources } = judged(
      [
        { type: 'log.open', as: 'server enforced' },
        start('r1', 'ann'),
        { type: 'tool.call', phase: 'pre_exec', by: 'ann' },
      ],
      true,
    );
    const { open_actions, open_runs, complete } = sources.find(({ surface }) => surface === 'sdk') ?? {};
    assert.deepEqual([open_actions, open_runs, complete], [1, 1, true]);
  });

  it('adds up agents beyond the limit as others, and what is missing of them too', () => {
    const many = Array.from(
      { length: LIMITS.sourceAgentsTold + 50 },
      (_, i): Said => start(`r${i}`, `agent ${i}`),
    );
    const [sdk] = judged(many, false).sources;
    assert.equal(sdk?.agents.length, LIMITS.sourceAgentsTold + 1);
    assert.equal(sdk?.agents.at(-1)?.agent, 'others');
    assert.equal(sdk?.agents.at(-1)?.runs_without_end, 50);
    assert.equal(sdk?.runs_without_end, many.length);
  });
});

describe('steps of a run', () => {
  it('that are not there are told, with their run, and make the log incomplete', () => {
    const found = judged([start('r', 'ann'), step('r', 1), step('r', 3), step('r', 6), end('r')]);
    assert.deepEqual(found.steps_missing, [{ run_id: 'r', index: 0, missing: 3 }]);
    assert.equal(found.steps_missing_count, 3);
    assert.ok(!isComplete(found));
    assert.equal(found.sources[0]?.steps_missing, 3);
    assert.equal(found.sources[0]?.agents[0]?.steps_missing, 3);
  });

  it('may come in any order, twice, and beside those that the recorder numbers', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 120 }),
        fc.boolean(),
        (steps, closes) => {
          const log = [
            start('r', 'ann'),
            step('r', 'step_17'),
            ...steps.flatMap((n) => [step('r', n), step('r', n)]),
            step('another', 5),
            ...(closes ? [end('r')] : []),
          ];
          const most = Math.max(0, ...steps);
          assert.equal(judged(log, false).steps_missing_count, most - steps.length);
        },
      ),
    );
  });

  it('of a run that is under way, or whose beginning is not there, are nobody’s to miss', () => {
    const open = [{ type: 'log.open', as: 'server enforced' } as const, start('r', 'ann'), step('r', 2)];
    assert.equal(judged(open, true).steps_missing_count, 0);
    assert.equal(judged([step('r', 2), end('r')]).steps_missing_count, 0);
  });
});
