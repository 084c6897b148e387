import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { BLOB_OVERHEAD } from '../../../src/core/payload/blob.ts';
import { packName } from '../../../src/core/payload/citation.ts';
import { type Found, judgePayloads } from '../../../src/core/payload/judge.ts';

const SIZE = BLOB_OVERHEAD + 10;

function entry(index: number, more: Record<string, unknown> = {}): JsonObject {
  const payload = {
    pack: packName(0),
    offset: index * SIZE,
    length: SIZE,
    cipher_hash: 'a'.repeat(64),
    key_id: `key_${index % 3}`,
    ...more,
  };
  return { index, type: 'tool.call', payload };
}

const erase = (index: number, key_id: string): JsonObject => ({
  index,
  type: 'log.erase',
  metadata: { key_id },
});

function judged(entries: readonly JsonObject[], found: (index: number) => Found, signed = 1000, bytes = 0) {
  const looked: number[] = [];
  const judge = judgePayloads(({ offset }) => {
    looked.push(offset / SIZE);
    return found(offset / SIZE);
  });
  for (const one of entries) {
    judge.cite(one);
    judge.erase(one);
  }
  return { ...judge.judge(bytes, signed), looked };
}

const intact = (): Found => 'intact';

test('payloads that are all there pass, and bytes that nobody cites are counted', () => {
  const verdict = judged([entry(0), { index: 1, type: 'custom' }, entry(2)], intact, 1000, 3 * SIZE + 7);
  assert.equal(verdict.status, 'pass');
  assert.deepEqual([verdict.cited, verdict.checked, verdict.unreferenced_bytes], [2, 2, SIZE + 7]);
});

test('what is gone or altered fails and is named, unless a later signed erasure names its key', () => {
  const broken = (index: number): Found => (index === 0 ? 'missing' : index === 1 ? 'altered' : 'intact');
  const entries = [entry(0), entry(1), entry(2)];
  const bare = judged(entries, broken);
  assert.equal(bare.status, 'fail');
  assert.deepEqual([bare.missing, bare.altered, bare.checked], [[0], [1], 1]);
  const erased = judged([...entries, erase(10, 'key_0'), erase(11, 'key_1')], broken);
  assert.deepEqual([erased.status, erased.erased, erased.missing_count], ['pass', 2, 0]);
  const unsigned = judged([...entries, erase(10, 'key_0'), erase(11, 'key_1')], broken, 11);
  assert.deepEqual([unsigned.status, unsigned.missing, unsigned.altered], ['fail', [], [1]]);
  const before = judged([erase(0, 'key_1'), entry(1)], broken);
  assert.deepEqual([before.status, before.altered], ['fail', [1]]);
  const other = judged([...entries, { ...erase(10, 'key_0'), type: 'custom' }], broken);
  assert.equal(other.status, 'fail');
});

test('a citation that can be none is altered, and no erasure explains it', () => {
  const entries = [entry(0, { offset: -1, key_id: '' }), erase(5, ''), erase(6, 'key_0')];
  const verdict = judged(entries, intact);
  assert.deepEqual([verdict.status, verdict.altered, verdict.looked], ['fail', [0], []]);
});

test('no part of a pack is read twice, however many entries cite it', () => {
  const same = Array.from({ length: 100 }, (_, i) => entry(i, { offset: 0 }));
  const verdict = judged(same, intact);
  assert.deepEqual([verdict.looked, verdict.checked, verdict.altered_count], [[0], 1, 99]);
  assert.equal(verdict.altered.length, 20);
  fc.assert(
    fc.property(
      fc.array(fc.record({ pack: fc.nat(3), offset: fc.nat(2000), length: fc.nat(300) })),
      (places) => {
        let bytes = 0;
        let last = [-1, 0];
        const judge = judgePayloads(({ pack, offset, length }) => {
          assert.ok(pack > (last[0] ?? 0) || (pack === last[0] && offset >= (last[1] ?? 0)));
          last = [pack, offset + length];
          bytes += length;
          return 'intact';
        });
        for (const [i, { pack, ...place }] of places.entries())
          judge.cite(entry(i, { ...place, pack: packName(pack) }));
        assert.ok(bytes <= 4 * 2300);
        assert.equal(judge.judge(bytes, 0).unreferenced_bytes, 0);
      },
    ),
  );
});

test('without packs nothing is said of payloads, and without payloads nothing is missing', () => {
  const judge = judgePayloads(undefined);
  assert.equal(judge.judge(0, 0).status, 'pass');
  judge.cite(entry(0));
  const verdict = judge.judge(0, 0);
  assert.deepEqual(
    [verdict.status, verdict.cited, verdict.checked, verdict.note],
    ['neutral', 1, 0, 'the packs are not here'],
  );
});

test('more broken keys than are told apart are no pass', () => {
  const judge = judgePayloads(() => 'missing');
  for (let i = 0; i <= LIMITS.suspectKeys; i++) judge.cite(entry(i, { key_id: `key_${i}` }));
  for (let i = 0; i < LIMITS.suspectKeys; i++) judge.erase(erase(LIMITS.suspectKeys + 1 + i, `key_${i}`));
  const verdict = judge.judge(0, 10 * LIMITS.suspectKeys);
  assert.equal(verdict.status, 'incomplete');
  assert.match(verdict.note ?? '', /^1 more/);
});

test('no entry makes the judge fail', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (values) => {
      const judge = judgePayloads(intact);
      for (const value of values) {
        judge.cite({ payload: value } as JsonObject);
        judge.erase({ type: 'log.erase', metadata: value } as JsonObject);
      }
      judge.judge(0, 0);
    }),
  );
});
