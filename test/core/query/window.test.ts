import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnchorEntry } from '../../../src/core/query/anchored.ts';
import { type TimedReceipt, timeWindow } from '../../../src/core/query/window.ts';

const receipt = (size: number, time: string, anchor = 'a'): TimedReceipt => ({
  anchor,
  type: 'rfc3161',
  time,
  size,
  receipt: `${size}.tsr`,
  receipt_sha256: `r${size}${anchor}`,
  checkpoint_sha256: `c${size}${anchor}`,
});
const names = (
  index: number,
  { anchor, size, receipt: file, receipt_sha256, checkpoint_sha256 }: TimedReceipt,
) => ({
  index,
  anchor,
  type: 'rfc3161',
  size,
  receipt: file,
  receipt_sha256,
  checkpoint_sha256,
});

test('the earliest stamp over an entry bounds it from above, the latest one named before it from below', () => {
  const [one, two, three] = [
    receipt(10, '2027-01-01T00:00:00Z'),
    receipt(20, '2027-01-02T00:00:00.500Z'),
    receipt(30, '2027-01-03T00:00:00Z', 'b'),
  ];
  const window = timeWindow(15, [three, one, two], [names(11, one), names(21, two)]);
  assert.deepEqual([window.not_before?.time, window.not_before?.entry], ['2027-01-01T00:00:00Z', 11]);
  assert.deepEqual([window.not_after?.time, window.not_after?.anchor], ['2027-01-02T00:00:00.500Z', 'a']);
  assert.equal(window.contradiction, undefined);
});

test('a checkpoint of size n does not contain entry n, and an entry does not bound itself', () => {
  const stamp = receipt(10, '2027-01-01T00:00:00Z');
  assert.equal(timeWindow(10, [stamp], []).not_after, undefined);
  assert.equal(timeWindow(9, [stamp], []).not_after?.time, stamp.time);
  assert.equal(timeWindow(11, [stamp], [names(11, stamp)]).not_before, undefined);
  assert.equal(timeWindow(12, [stamp], [names(11, stamp)]).not_before?.time, stamp.time);
});

test('an entry that names another receipt, or one of another anchor, bounds nothing', () => {
  const stamp = receipt(10, '2027-01-01T00:00:00Z');
  for (const change of [{ receipt_sha256: 'x' }, { checkpoint_sha256: 'x' }, { anchor: 'b' }])
    assert.deepEqual(timeWindow(12, [stamp], [{ ...names(11, stamp), ...change }]), {});
});

test('clocks outside that contradict each other are told, and neither is dropped', () => {
  const late = receipt(10, '2027-01-09T00:00:00Z');
  const early = receipt(20, '2027-01-02T00:00:00Z', 'b');
  const window = timeWindow(15, [late, early], [names(11, late)]);
  assert.equal(window.contradiction, true);
  assert.ok(window.not_before !== undefined && window.not_after !== undefined);
});

test('only a whole anchor.ok entry is read as one', () => {
  const stamp = receipt(10, '2027-01-01T00:00:00Z');
  const { index, ...metadata } = names(11, stamp);
  const entry = { type: 'anchor.ok', index, metadata };
  assert.deepEqual(readAnchorEntry(entry), names(11, stamp));
  assert.equal(readAnchorEntry({ ...entry, type: 'anchor.fail' }), undefined);
  for (const part of Object.keys(metadata))
    assert.equal(
      readAnchorEntry({ ...entry, metadata: { ...metadata, [part]: undefined } }),
      undefined,
      part,
    );
  assert.equal(readAnchorEntry({ ...entry, metadata: { ...metadata, size: -1 } }), undefined);
  assert.equal(readAnchorEntry({ ...entry, metadata: 'none' }), undefined);
});
