import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createFilterCheck, type FilterFound } from '../../../src/core/export/filter-check.ts';
import { readFilter } from '../../../src/core/export/filter-said.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { LogFilter } from '../../../src/core/query/filter.ts';
import { memoryIndex } from '../../../src/index/memory.ts';
import { callDrafts, numbered, sampleDrafts } from '../../support/logfiles.ts';
import { variedDrafts } from '../../support/varied.ts';

const entries = numbered(variedDrafts()) as readonly JsonObject[];
const calls = numbered(sampleDrafts(60)) as readonly JsonObject[];

function check(filter: LogFilter, chosen: readonly (JsonObject | undefined)[], cut = false): FilterFound {
  const seen = createFilterCheck(filter);
  for (const entry of chosen) if (entry !== undefined) seen.see(entry, 100);
  return seen.finish(cut);
}

/** As an export chooses them. */
async function chosenBy(filter: LogFilter, from = entries): Promise<{ indexes: number[]; rows: number }> {
  const index = memoryIndex();
  for (const entry of from) index.add(entry);
  const indexes: number[] = [];
  let rows = 0;
  for await (const row of index.query.rows(filter, { order: 'oldest' })) {
    rows++;
    indexes.push(row.index, ...(row.end === undefined ? [] : [row.end]));
  }
  return { indexes: indexes.sort((a, b) => a - b), rows };
}

// biome-ignore format: a list
const FILTERS: readonly LogFilter[] = [
  {}, { agent: 'builder' }, { failed: true }, { blocked: true }, { types: ['http.call'] }, { types: ['policy'] },
  { status: 404 }, { status: 'ok' }, { statusClass: '2xx' }, { decision: 'stop' }, { redacted: true },
  { text: 'charges' }, { host: '*.example', method: 'POST' }, { credential: 'EXAMPLE_KEY' },
  { since: '2026-11-20T12:01:00.000Z', until: '2026-11-20T12:01:31.000Z' },
];

it('finds nothing strange in what an export chooses, and counts its rows', async () => {
  for (const [filter, from] of FILTERS.flatMap((one) => [[one, entries] as const, [one, calls] as const])) {
    const { indexes, rows } = await chosenBy(filter, from);
    const found = check(
      filter,
      indexes.map((index) => from[index]),
    );
    assert.deepEqual(
      found,
      { strangers: 0, first: undefined, unsure: 0, rows },
      `${JSON.stringify(filter)} of ${indexes.length}`,
    );
    assert.deepEqual(readFilter(JSON.parse(JSON.stringify(filter)) as Record<string, unknown>), filter);
  }
});

it('finds every entry that was put there and does not match', async () => {
  const wanted = FILTERS.slice(1);
  for (const [filter, from] of wanted.flatMap((one) => [[one, entries] as const, [one, calls] as const])) {
    const { indexes } = await chosenBy(filter, from);
    const chosen = new Set(indexes);
    for (const [index, entry] of from.entries()) {
      // An end that another one replaced is a half of a call that is there.
      const isHalf = [...chosen].some((at) => from[at]?.id === entry.parent_id);
      if (chosen.has(index) || isHalf) continue;
      const all = [...chosen, index].sort((a, b) => a - b).map((at) => from[at]);
      const found = check(filter, all);
      assert.deepEqual([found.strangers, found.first], [1, index], JSON.stringify([filter, entry]));
    }
  }
});

it('accuses nobody where a half was left out, or its call began too long ago', () => {
  const [begin, end] = numbered([...callDrafts(0, { code: 500 })]) as readonly JsonObject[];
  assert.deepEqual(check({ failed: true }, [begin]).strangers, 1);
  assert.deepEqual(check({ failed: true }, [begin], true), {
    strangers: 0,
    first: undefined,
    unsure: 1,
    rows: 1,
  });
  const many = Array.from(
    { length: LIMITS.rememberedCalls },
    (_, i): JsonObject => ({
      ...begin,
      id: `other ${i}`,
    }),
  );
  const found = check({ decision: 'allow', status: 500 }, [begin, ...many, end], true);
  assert.deepEqual([found.strangers, found.unsure, found.rows], [0, LIMITS.rememberedCalls + 2, undefined]);
});

it('takes no filter for known that has a member it does not know', () => {
  for (const said of [{ agent: 1 }, { colour: 'red' }, { types: 'x' }, { failed: 'yes' }])
    assert.equal(readFilter(said), undefined);
});
