/** What the index keeps of entries, and lists of rare values: what comes out is what went in, and damage is told as such. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import { singleOf } from '../../src/core/query/fold.ts';
import { parseLine } from '../../src/core/query/line.ts';
import { IndexDamage } from '../../src/index/sqlite/damage.ts';
import { keyNumber } from '../../src/index/sqlite/keys.ts';
import { createPieceWriter, decodePiece, placeIn } from '../../src/index/sqlite/piece.ts';
import { createRareChanges, createRareSets } from '../../src/index/sqlite/rare.ts';
import { hostileLines } from './hostile.ts';

/** Entries as they may come, and such with numbers, times and ids at the edges of what is stored shortly. */
const entries: fc.Arbitrary<JsonObject | undefined> = fc.oneof(
  hostileLines(3).map(([line]) => {
    const parsed = line === undefined ? undefined : parseLine(line);
    return parsed !== undefined && 'entry' in parsed ? parsed.entry : undefined;
  }),
  fc.record({
    id: fc.constantFrom('log_ZZZZZZZZZZZZZZZZZZZZZZZZZZ', 'log_01jd0000000000000000000000', 'x', '\ud800'),
    parent_id: fc.constantFrom('log_01JD0000000000000000000001', 'log_0ILOU00000000000000000000'),
    ts: fc.constantFrom(
      '0000-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '2026-11-20T14:00:00.123Z',
      '2026-02-30T00:00:00.000Z',
      '',
    ),
    outcome: fc.record({
      status_code: fc.constantFrom(-0, 0, -1, 1.5, 2 ** 52, 2 ** 53 + 2, Number.POSITIVE_INFINITY, 1e308),
      duration_ms: fc.maxSafeNat(),
      redacted: fc.boolean(),
    }),
    credentials: fc.array(fc.record({ ref: fc.string({ unit: 'binary' }) })),
  }),
);

test('a row comes out of its piece as it went in, with the place of its line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(entries, fc.integer({ min: 1, max: 2 ** 40 }), fc.boolean())),
      fc.nat(300),
      (drawn, early) => {
        const writer = createPieceWriter();
        let segment = 0;
        let offset = 0;
        const places = drawn.map(([entry, bytes, isBreak], at) => {
          if (isBreak) {
            segment += 65_536;
            offset = bytes * 3;
          }
          const place = { segment, offset, bytes };
          const single = entry === undefined ? undefined : singleOf(entry, at);
          writer.add(bytes, single, at === 0 || isBreak ? { segment, offset } : undefined);
          // What is looked at before it is whole is not changed by that.
          if (at === early) decodePiece(writer.encode());
          offset += bytes;
          return place;
        });
        const piece = decodePiece(writer.encode());
        assert.equal(piece.count, drawn.length);
        for (const at of [...drawn.keys()].reverse()) {
          const entry = drawn[at]?.[0];
          assert.deepEqual(piece.single(at, at), entry === undefined ? undefined : singleOf(entry, at));
          assert.deepEqual(placeIn(piece, at), places[at]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('bytes that are no piece are damage, in bounded time, or a piece like any other', () => {
  const writer = createPieceWriter();
  for (let at = 0; at < 20; at++)
    writer.add(100, singleOf({ id: `step ${at}`, type: 'tool.call', ts: '2026-11-20T14:00:00.000Z' }, at), {
      segment: 0,
      offset: at * 1000,
    });
  const whole = writer.encode();
  const damaged = fc
    .tuple(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.boolean())
    .map(([at, bytes, cut]) => {
      const copy = whole.slice();
      copy.set(bytes.subarray(0, whole.length - at), at);
      return cut ? copy.subarray(0, at) : copy;
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      try {
        const piece = decodePiece(bytes);
        for (let at = -1; at <= 21; at++) {
          piece.single(at, at);
          placeIn(piece, at);
        }
      } catch (error) {
        assert.ok(error instanceof IndexDamage, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('rows with rare values are found by them in whichever batches they came, and not after they were taken away', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.array(
          fc.record({
            value: fc.nat(40),
            place: fc.integer({ min: 65_400, max: 65_535 }),
            gone: fc.boolean(),
          }),
          { maxLength: 80 },
        ),
        { maxLength: 5 },
      ),
      fc.nat(),
      (batches, seed) => {
        const database = new DatabaseSync(':memory:');
        database.exec('CREATE TABLE rare(slot INTEGER PRIMARY KEY, data BLOB NOT NULL)');
        const expected = new Map<string, Set<number>>();
        for (const batch of batches) {
          const changes = createRareChanges(seed);
          for (const { value, place } of batch.filter(({ gone }) => !gone)) {
            changes.add(keyNumber.step, `step_${value}`, place);
            const places = expected.get(`step_${value}`) ?? new Set();
            expected.set(`step_${value}`, places.add(place));
          }
          for (const { value, place } of batch.filter(({ gone }) => gone)) {
            changes.remove(keyNumber.step, `step_${value}`, place);
            expected.get(`step_${value}`)?.delete(place);
          }
          changes.write(database, 7, false);
        }
        const find = createRareSets(database, seed);
        for (let value = 0; value <= 41; value++) {
          const places = [...(expected.get(`step_${value}`) ?? [])].sort((a, b) => a - b);
          assert.deepEqual(find(7, keyNumber.step, `step_${value}`), places);
          assert.deepEqual(find(8, keyNumber.step, `step_${value}`), []);
        }
        database.close();
      },
    ),
    { numRuns: 100 },
  );
});
