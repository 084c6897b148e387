/** The SQLite driver: the shared suite, with batches of any size, and blocks that end in the middle of a log. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseLine } from '../../src/core/query/line.ts';
import { FORMAT, openDatabase, type State, writeState } from '../../src/index/sqlite/database.ts';
import { openSqliteQuery } from '../../src/index/sqlite/driver.ts';
import { BLOCK_ROWS } from '../../src/index/sqlite/positions.ts';
import { createWriter } from '../../src/index/sqlite/writer.ts';
import { inMemory, type QueryUnderTest, querySuite, sameAnswers, sameEntries } from '../suites/query.ts';
import { anyFilter, hostileLines } from './hostile.ts';

/** Writes `lines` from index `first` on, and a batch after as many entries as `batch` says next. */
async function indexed(
  lines: readonly Buffer[],
  batch: (n: number) => number,
  first = 0,
): Promise<QueryUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-index-'));
  const path = join(directory, 'index.sqlite');
  const database = openDatabase(path);
  const state: State = {
    format: FORMAT,
    origin: 'test.example/local',
    from: first,
    size: first,
    segment: 0,
    offset: 0,
    last: { segment: 0, offset: 0, sha256: '' },
    malformed: { count: 0, first: [] },
    seed: 7,
  };
  writeState(database, state);
  const entryAt = async (index: number): Promise<JsonObject | undefined> => {
    const parsed = parseLine(lines[index - first] ?? Buffer.alloc(0));
    return 'entry' in parsed ? parsed.entry : undefined;
  };
  const writer = createWriter(database, { state, entryAt });
  let offset = 0;
  let left = batch(0);
  for (const [i, line] of lines.entries()) {
    const given = line.length > LIMITS.entryBytes * 2 ? Buffer.alloc(0) : line;
    writer.add(given, { segment: 0, offset, bytes: line.length + 1 });
    offset += line.length + 1;
    if (--left > 0 && !writer.full()) continue;
    await writer.commit();
    left = batch(i + 1);
  }
  await writer.commit();
  database.close();
  return { query: openSqliteQuery(path), cleanUp: () => rm(directory, { recursive: true }) };
}

querySuite('sqlite, one batch', (lines) => indexed(lines, () => 1e9));
querySuite('sqlite, batches of one', (lines) => indexed(lines, () => 1));
querySuite('sqlite, batches of different sizes', (lines) => indexed(lines, (n) => 1 + ((n * 7) % 11)));

test('a log that goes over the end of a block is answered as one that does not', async () => {
  const first = BLOCK_ROWS - 40;
  await fc.assert(
    fc.asyncProperty(
      hostileLines(80, first),
      fc.array(anyFilter, { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 1, max: 60 }),
      async (lines, filters, size) => {
        const { query, cleanUp } = await indexed(lines, () => size, first);
        try {
          const expected = inMemory(lines, first);
          for (const filter of filters) await sameAnswers(query, expected, filter, { after: first - 1 });
          if (lines.length > 0) await sameEntries(query, expected, first);
        } finally {
          await query.close();
          await cleanUp();
        }
      },
    ),
    { numRuns: 15 },
  );
});
