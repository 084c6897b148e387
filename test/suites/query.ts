/**
 * What every driver of `Query` promises: the answers of a reading of the whole log, which the memory driver gives. A
 * driver runs this suite with a way to index lines.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogFilter } from '../../src/core/query/filter.ts';
import { parseLine } from '../../src/core/query/line.ts';
import { DIMENSIONS, type Query, type RowsOptions } from '../../src/core/query/port.ts';
import { memoryIndex } from '../../src/index/memory.ts';
import { anyFilter, hostileLines } from '../index/hostile.ts';
import { idOf, START_MS } from '../support/logfiles.ts';

export interface QueryUnderTest {
  readonly query: Query;
  cleanUp(): Promise<void>;
}

export type Line = Buffer | string | object;

const bytesOf = (line: Line): Buffer =>
  Buffer.isBuffer(line) ? line : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line));

/** By a reading of all lines. `first`: index of the first one; there is nothing before. */
export function inMemory(lines: readonly Buffer[], first = 0): Query {
  const { add, query } = memoryIndex();
  for (let i = 0; i < first; i++) add(undefined);
  for (const line of lines) {
    const parsed = line.length > LIMITS.entryBytes * 2 ? { malformed: 'too long' } : parseLine(line);
    add('entry' in parsed ? parsed.entry : undefined);
  }
  return query;
}

export async function listed<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

/** Everything that may be asked with one filter. */
export async function sameAnswers(
  query: Query,
  expected: Query,
  filter: LogFilter,
  options: RowsOptions = {},
): Promise<void> {
  const said = JSON.stringify({ filter, options });
  assert.deepEqual(
    await listed(query.rows(filter, options)),
    await listed(expected.rows(filter, options)),
    said,
  );
  assert.equal(await query.count(filter), await expected.count(filter), said);
  assert.deepEqual(
    await query.summary(filter, DIMENSIONS, 3),
    await expected.summary(filter, DIMENSIONS, 3),
    said,
  );
}

/** Everything that may be asked of one entry. */
export async function sameEntries(query: Query, expected: Query, first = 0): Promise<void> {
  assert.equal(query.size, expected.size);
  for (let index = first; index <= expected.size; index++) {
    assert.deepEqual(await query.rowOf(index), await expected.rowOf(index), `rowOf ${index}`);
    assert.equal(await query.indexOf(idOf(index)), await expected.indexOf(idOf(index)), `indexOf ${index}`);
    assert.deepEqual(
      await query.children(idOf(index)),
      await expected.children(idOf(index)),
      `children ${index}`,
    );
  }
  if (first === 0) assert.deepEqual(await query.malformed(), await expected.malformed());
  for (const dimension of ['agent', 'run', 'host', 'type'] as const)
    for (const prefix of ['', 'b', 'run_', 'http', 'nobody', '\ud83d', '\uffff']) {
      const [found, wanted] = [
        await query.beginningWith(dimension, prefix, 1_000),
        await expected.beginningWith(dimension, prefix, 1_000),
      ];
      assert.deepEqual(found.toSorted(), wanted.toSorted(), `${dimension} beginning with ${prefix}`);
      assert.equal((await query.beginningWith(dimension, prefix, 1)).length, Math.min(1, wanted.length));
    }
}

const at = (minutes: number): string => new Date(START_MS + minutes * 60_000).toISOString();
const entry = (index: number, rest: object): object => ({
  v: 1,
  id: idOf(index),
  index,
  ts: at(index),
  type: 'http.call',
  ...rest,
});
const begin = (index: number, rest: object = {}): object =>
  entry(index, { phase: 'pre_exec', actor: { agent_id: 'builder' }, ...rest });
const end = (index: number, of: number, rest: object = {}): object =>
  entry(index, {
    phase: 'post_exec',
    parent_id: idOf(of),
    outcome: { status: 'ok', status_code: 200 },
    ...rest,
  });

const CASES: Readonly<Record<string, readonly Line[]>> = {
  'an empty log has no rows': [],
  'a call is one row, at the place of its beginning': [begin(0), begin(1), end(2, 0), end(3, 1)],
  'a second end takes the place of the first, which is a row of its own from then on': [
    begin(0),
    end(1, 0, { reason: 'early' }),
    entry(2, {}),
    end(3, 0, { reason: 'late', outcome: { status: 'error', status_code: 500 } }),
  ],
  'a client’s word does not end what was enforced': [
    begin(0, { source: { assurance: 'enforced' } }),
    end(1, 0, { source: { assurance: 'self_reported' } }),
    end(2, 0, { source: { assurance: 'enforced' } }),
    end(3, 0, { source: { assurance: 'self_reported' } }),
  ],
  'an end without its beginning, before it, or of something that is no call stands alone': [
    end(0, 9),
    end(1, 2),
    begin(2),
    entry(3, { phase: 'point' }),
    end(4, 3),
    end(5, 5),
  ],
  'of two entries with one id the first has it': [begin(0), { ...begin(1), id: idOf(0) }, end(2, 0)],
  'lines that are no entries take their place in the numbering and are counted': [
    begin(0),
    '{"torn',
    '',
    '[]',
    end(4, 0),
    Buffer.from([0xff, 0xfe]),
  ],
  'members of another kind count as missing': [
    entry(0, { phase: 7, actor: [], action: { target: 'x' }, credentials: {}, outcome: null, ts: 5 }),
    entry(1, { ts: 'soon', type: null, parent_id: 4, id: {} }),
  ],
  'what the end alone says is said of the call': [
    begin(0, { actor: {} }),
    end(1, 0, {
      actor: { agent_id: 'builder' },
      credentials: [{ ref: 'stripe' }],
      action: { tool: { name: 'search' } },
    }),
  ],
  'texts of 64 KiB are found like short ones': [
    entry(0, { actor: { agent_id: 'a'.repeat(65_000) }, reason: 'b'.repeat(65_000) }),
  ],
};

const FILTERS: readonly LogFilter[] = [
  {},
  { agent: 'builder' },
  { text: 'early' },
  { text: 'late' },
  { failed: true },
  { since: at(1), until: at(3) },
  { status: 'ok', phase: 'post_exec' },
  { credential: 'stripe', tool: 'search' },
  { agent: 'a'.repeat(65_000) },
  { text: 'b'.repeat(64) },
];

export function querySuite(name: string, make: (lines: readonly Buffer[]) => Promise<QueryUnderTest>): void {
  async function using(lines: readonly Buffer[], body: (query: Query, expected: Query) => Promise<void>) {
    const { query, cleanUp } = await make(lines);
    try {
      await body(query, inMemory(lines));
    } finally {
      await query.close();
      await cleanUp();
    }
  }

  for (const [what, lines] of Object.entries(CASES)) {
    test(`${name}: ${what}`, () =>
      using(lines.map(bytesOf), async (query, expected) => {
        for (const filter of FILTERS) await sameAnswers(query, expected, filter);
        await sameEntries(query, expected);
      }));
  }

  test(`${name}: rows come in pages, in both orders`, () =>
    using(
      Array.from({ length: 30 }, (_, i) => bytesOf(entry(i, { actor: { agent_id: `a${i % 3}` } }))),
      async (query, expected) => {
        for (const order of ['newest', 'oldest'] as const)
          for (const limit of [0, 1, 4, 100])
            for (const bound of [
              {},
              { before: 12 },
              { after: 12 },
              { before: 20, after: 3 },
              { before: 0 },
              { after: 29 },
            ])
              await sameAnswers(query, expected, { agent: 'a1' }, { order, limit, ...bound });
      },
    ));

  test(`${name}: any filter on any log gives what a reading of all entries gives`, async () => {
    await fc.assert(
      fc.asyncProperty(
        hostileLines(80),
        fc.array(anyFilter, { minLength: 10, maxLength: 10 }),
        fc.constantFrom<RowsOptions>(
          {},
          { order: 'oldest' },
          { limit: 5 },
          { before: 30 },
          { after: 10, limit: 3 },
        ),
        async (lines, filters, options) =>
          using(lines, async (query, expected) => {
            for (const filter of filters) await sameAnswers(query, expected, filter, options);
            await sameEntries(query, expected);
          }),
      ),
      { numRuns: 25 },
    );
  });
}
