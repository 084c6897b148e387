/** What a stranger may put where prunes are told: decoders answer or say nothing, and never throw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { sha256Hex } from '../../../src/core/hash.ts';
import { parseRegistry } from '../../../src/core/identity/saved.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { parseCarried } from '../../../src/core/retention/carried.ts';
import { erasedKeys } from '../../../src/core/retention/erase-entry.ts';
import {
  foldPrunes,
  mentionsPrune,
  type PruneNote,
  pruneIn,
  readPrune,
} from '../../../src/core/retention/prune-entry.ts';

const OPTIONS = { numRuns: 500, verbose: true } as const;
const json = fc.jsonValue({ maxDepth: 4 });

const pruneLike = fc.record(
  {
    type: fc.constantFrom('log.prune', 'log.erase', 'custom'),
    index: fc.oneof(fc.nat(100_000), json),
    id: fc.oneof(fc.constantFrom('a', 'b', 'c'), json),
    parent_id: fc.oneof(fc.constantFrom('a', 'b', 'c'), json),
    source: fc.record({ assurance: fc.constantFrom('enforced', 'self_reported') }, { requiredKeys: [] }),
    decision: json,
    outcome: fc.record({ status: fc.constantFrom('started', 'ok', 'aborted', 'error') }),
    metadata: fc.record(
      {
        from: fc.oneof(fc.nat(1000), json),
        to: fc.oneof(
          fc.nat(100).map((n) => n * 256),
          json,
        ),
        carried: fc.oneof(fc.constant('a'.repeat(64)), json),
        key_ids: fc.oneof(fc.array(json), json),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['type'] },
);

test('an entry that tells of a prune is read, or is none, whatever it holds', () => {
  fc.assert(
    fc.property(pruneLike, (entry) => {
      const note = readPrune(entry as JsonObject);
      const line = encodeUtf8(JSON.stringify(entry));
      assert.deepEqual(pruneIn(line), note);
      if (note !== undefined) {
        assert.equal(entry.source?.assurance, 'enforced');
        assert.equal(entry.decision, undefined);
      }
      if (note?.kind === 'begun')
        assert.ok(note.from < note.to && note.to <= note.index && note.to % 256 === 0);
      for (const key of erasedKeys(entry as JsonObject)) assert.equal(typeof key, 'string');
    }),
    OPTIONS,
  );
});

test('bytes that are no entry mention no prune that could be read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      if (mentionsPrune(bytes, 0, bytes.length)) assert.ok(pruneIn(bytes) === undefined || bytes.length > 0);
      else assert.equal(pruneIn(bytes), undefined);
    }),
    OPTIONS,
  );
});

test('a carried object counts by its hash only, and whatever it says is text, numbers and nothing else', () => {
  fc.assert(
    fc.property(json, fc.boolean(), (value, framed) => {
      const text = JSON.stringify(
        framed
          ? { format: 'tallystick-pruned/1', from: 0, to: 256, registry: '{}', keys: value, entries: [value] }
          : value,
      );
      const bytes = encodeUtf8(text);
      assert.equal(parseCarried(bytes, 'f'.repeat(64)), undefined);
      const carried = parseCarried(bytes, sha256Hex(bytes));
      for (const key of carried?.keys ?? []) assert.equal(typeof key, 'string');
      for (const { index, entry } of carried?.entries ?? []) {
        assert.equal(typeof index, 'number');
        assert.equal(typeof entry, 'string');
      }
      parseRegistry(text);
    }),
    OPTIONS,
  );
});

test('of prunes told in any order only those below the signature hold, and none that was voided', () => {
  const note: fc.Arbitrary<PruneNote> = fc.oneof(
    fc.record({
      kind: fc.constant('begun' as const),
      index: fc.nat(2000),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      ts: fc.constant(''),
      from: fc.constant(0),
      to: fc.nat(7).map((n) => n * 256),
      carried: fc.constant('a'.repeat(64)),
    }),
    fc.record({
      kind: fc.constantFrom('done' as const, 'aborted' as const),
      index: fc.nat(2000),
      of: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    }),
  );
  fc.assert(
    fc.property(fc.array(note, { maxLength: 12 }), fc.nat(2000), (notes, signed) => {
      const fold = foldPrunes(notes);
      const { held, last } = fold.state(signed);
      for (const one of held) assert.ok(one.index < signed);
      assert.ok(last === undefined || held.every(({ to }) => to <= last.to));
      assert.ok(fold.begunFrom(signed).every(({ index }) => index >= signed));
    }),
    OPTIONS,
  );
});
