import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cosignatureVerifier, makeCosignerKey } from '../../../src/core/tlog/cosignature.ts';
import { createQuorum } from '../../../src/core/tlog/quorum.ts';
import {
  type AnchorEvidence,
  type CheckedReceipt,
  judgeAnchors,
  withoutRepeats,
} from '../../../src/core/tlog/verify-anchors.ts';
import type { HeadVerdict } from '../../../src/core/tlog/verify-report.ts';

const receipt = (anchor: string, size: number, more: Partial<CheckedReceipt> = {}): CheckedReceipt => ({
  anchor,
  type: 'rfc3161',
  size,
  receipt: `${size}.tsr`,
  receipt_sha256: `r${size}`,
  checkpoint_sha256: `c${size}`,
  head: `${anchor}/${size}`,
  status: 'verified',
  time: `2027-01-01T00:00:${size}Z`,
  ...more,
});

const evidence = (
  receipts: readonly CheckedReceipt[],
  more: Partial<AnchorEvidence> = {},
): AnchorEvidence => ({
  configured: [...new Set(receipts.map(({ anchor }) => anchor))].map((name) => ({ name, type: 'rfc3161' })),
  receipts,
  files: new Set(receipts.map(({ anchor, receipt: file }) => `${anchor}/${file}`)),
  unreadable: [],
  notes: [],
  ...more,
});

const passing = (receipts: readonly CheckedReceipt[]): HeadVerdict[] =>
  receipts.map(({ head, size }) => ({ ground: 'anchor', name: head, size, status: 'pass' }));

const named = (
  index: number,
  { anchor, size, receipt: file, receipt_sha256, checkpoint_sha256 }: CheckedReceipt,
) => ({
  index,
  anchor,
  type: 'rfc3161',
  size,
  receipt: file,
  receipt_sha256,
  checkpoint_sha256,
});

test('without anything configured and without receipts the verdict is neutral', () => {
  const told = judgeAnchors({ evidence: evidence([]), entries: [], heads: [], signed: 9 });
  assert.deepEqual(told, { status: 'neutral', note: 'no anchor is configured' });
});

test('the newest receipt that holds says by when how many entries were there, and how many came since', () => {
  const receipts = [receipt('a', 10), receipt('a', 20)];
  const told = judgeAnchors({
    evidence: evidence(receipts),
    entries: [],
    heads: passing(receipts),
    signed: 25,
  });
  assert.equal(told.status, 'pass');
  assert.deepEqual(told.anchors, [
    {
      name: 'a',
      type: 'rfc3161',
      configured: true,
      status: 'pass',
      size: 20,
      behind: 5,
      not_after: '2027-01-01T00:00:20Z',
    },
  ]);
});

test('a receipt over another log, an invalid and an unverified one prove nothing', () => {
  const other = receipt('a', 20);
  assert.equal(
    judgeAnchors({ evidence: evidence([other]), entries: [], heads: [], signed: 25 }).status,
    'incomplete',
  );
  for (const status of ['invalid', 'unverified'] as const) {
    const one = receipt('a', 20, { status, why: 'because' });
    const told = judgeAnchors({ evidence: evidence([one]), entries: [], heads: passing([one]), signed: 25 });
    assert.equal(told.status, 'incomplete');
    assert.match(told.note, /a: because/);
    assert.equal(told.anchors?.[0]?.not_after, undefined);
  }
});

test('an anchor that holds a checkpoint against the log is no pass, whatever else it holds', () => {
  const [fits, ahead] = [receipt('a', 10), receipt('a', 40)];
  const heads: HeadVerdict[] = [
    ...passing([fits]),
    { ground: 'anchor', name: ahead.head, size: 40, status: 'fail', note: 'it was rolled back' },
  ];
  const told = judgeAnchors({ evidence: evidence([fits, ahead]), entries: [], heads, signed: 25 });
  assert.equal(told.status, 'incomplete');
  assert.equal(told.anchors?.[0]?.status, 'incomplete');
  assert.match(told.note, /a: it holds a checkpoint of 40 entries against this log: it was rolled back/);
});

test('one configured anchor without evidence is enough to be incomplete, and is named', () => {
  const receipts = [receipt('a', 10)];
  const configured = [
    { name: 'a', type: 'rfc3161' },
    { name: 'b', type: 'file' },
  ];
  const told = judgeAnchors({
    evidence: evidence(receipts, { configured }),
    entries: [],
    heads: passing(receipts),
    signed: 10,
  });
  assert.equal(told.status, 'incomplete');
  assert.match(told.note, /b: it holds nothing of this log/);
  const away = evidence(receipts, { unreadable: [{ name: 'a', why: 'not mounted' }] });
  assert.match(
    judgeAnchors({ evidence: away, entries: [], heads: passing(receipts), signed: 10 }).note,
    /a: it cannot be read: not mounted/,
  );
});

test('receipts of an anchor that is not configured any more are told, and asked of nobody', () => {
  const receipts = [receipt('a', 10)];
  const told = judgeAnchors({
    evidence: evidence(receipts, { configured: [] }),
    entries: [],
    heads: passing(receipts),
    signed: 10,
  });
  assert.equal(told.status, 'neutral');
  assert.equal(told.anchors?.[0]?.configured, false);
});

test('a receipt that an entry names and that is gone or altered is named with its entry', () => {
  const [one, two] = [receipt('a', 10), receipt('a', 20)];
  const entries = [
    named(11, one),
    named(21, { ...two, receipt_sha256: 'another' }),
    named(40, receipt('a', 30)),
  ];
  const told = judgeAnchors({
    evidence: evidence([two], { files: new Set(['a/20.tsr']) }),
    entries,
    heads: passing([two]),
    signed: 35,
  });
  assert.equal(told.status, 'incomplete');
  assert.deepEqual(told.lost, [
    { entry: 11, receipt: 'a/10.tsr', why: 'gone' },
    { entry: 21, receipt: 'a/20.tsr', why: 'altered' },
  ]);
  // The third entry is not signed: nobody vouches for what it says.
  assert.equal(told.lost_count, 2);
});

test('a quorum stands where the k-th witness stands, whatever names and keys one witness has', () => {
  const vkeyOf = (name: string, fill: number) => makeCosignerKey(name, new Uint8Array(32).fill(fill)).vkey;
  const keys = {
    w1: vkeyOf('one.example', 1),
    // The same key under another name.
    w3: vkeyOf('other.example', 1),
    w2: vkeyOf('two.example', 2),
    // Another key of the same name.
    w4: vkeyOf('two.example', 4),
    w5: vkeyOf('five.example', 5),
  };
  const cosigned = (anchor: keyof typeof keys, size: number, more: Partial<CheckedReceipt> = {}) => {
    const witness = cosignatureVerifier(keys[anchor]).publicKey;
    return receipt(anchor, size, { type: 'witness', witness, ...more });
  };
  const receipts = [
    cosigned('w1', 30),
    cosigned('w2', 20),
    cosigned('w3', 40),
    cosigned('w4', 10),
    cosigned('w5', 50, { status: 'unverified' }),
  ];
  const judge = (vkeys: readonly string[], needed: number) =>
    judgeAnchors({
      evidence: evidence(receipts.slice(0, 4), { receipts, quorum: createQuorum(vkeys, needed) }),
      entries: [],
      heads: passing(receipts),
      signed: 40,
    });
  const all = Object.values(keys);
  assert.deepEqual(judge(all, 2).quorum, { needed: 2, have: 2, size: 20 });
  assert.equal(judge(all, 2).status, 'pass');
  assert.deepEqual(judge(all, 3).quorum, { needed: 3, have: 2 });
  assert.equal(judge(all, 3).status, 'incomplete');
  // Receipts of others than the configured ones are none of the quorum's.
  assert.deepEqual(judge([keys.w5, keys.w2], 1).quorum, { needed: 1, have: 1, size: 20 });
});

test('of the heads of an anchor that fit, the report keeps the newest; one that does not fit is never dropped', () => {
  const head = (name: string, size: number, status: HeadVerdict['status'] = 'pass'): HeadVerdict => ({
    ground: 'anchor',
    name: `${name}/${size}`,
    size,
    status,
  });
  const local: HeadVerdict = { ground: 'local', name: 'heads/local/checkpoint', size: 30, status: 'pass' };
  const heads = [head('a', 10), head('a', 20), head('a', 15, 'fail'), head('b', 5), local];
  assert.deepEqual(
    withoutRepeats({ status: 'fail', heads }).heads.map(({ name }) => name),
    ['a/20', 'a/15', 'b/5', 'heads/local/checkpoint'],
  );
});
