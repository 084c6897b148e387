import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { inLogOrder, type RowPlaces } from '../../../src/core/export/log-order.ts';

async function ordered(rows: readonly RowPlaces[]): Promise<number[]> {
  const given = async function* (): AsyncGenerator<RowPlaces> {
    yield* rows;
  };
  const indexes: number[] = [];
  for await (const index of inLogOrder(given())) indexes.push(index);
  return indexes;
}

it('puts the end of a call where the log has it, however calls cross', async () => {
  assert.deepEqual(await ordered([]), []);
  assert.deepEqual(
    await ordered([{ index: 0, end: 9 }, { index: 1, end: 4 }, { index: 3 }, { index: 7 }]),
    [0, 1, 3, 4, 7, 9],
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(500), { maxLength: 80 }),
      fc.array(fc.boolean()),
      async (places, pairs) => {
        const left = places.toSorted((a, b) => a - b);
        const rows: RowPlaces[] = [];
        while (left.length > 0) {
          const index = left.shift() ?? 0;
          // Any later entry may be its end.
          const at = pairs[rows.length] === true && left.length > 0 ? (index * 31) % left.length : -1;
          const end = at === -1 ? undefined : left.splice(at, 1)[0];
          rows.push(end === undefined ? { index } : { index, end });
        }
        assert.deepEqual(
          await ordered(rows),
          places.toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 200 },
  );
});
