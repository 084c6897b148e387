import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gatherEvidence } from '../../src/anchor/evidence.ts';
import { createFileAnchor } from '../../src/anchor/file.ts';
import { receiptPath, storeReceipt } from '../../src/anchor/receipts.ts';
import { createTimeStampAnchor } from '../../src/anchor/rfc3161/driver.ts';
import type { AnchorSetting } from '../../src/anchor/setting.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { cosignerFromSkey, makeCosignerKey, mergeSignatures } from '../../src/core/tlog/cosignature.ts';
import { parseNote } from '../../src/core/tlog/note.ts';
import { memoryObjects } from '../../src/store/memory.ts';
import { makeLog, ORIGIN } from './log.ts';
import { makeAuthority, serve } from './tsa.ts';

const never = new AbortController().signal;
const objects = memoryObjects;

function gather(
  store: ReturnType<typeof objects>,
  anchors: readonly AnchorSetting[],
  witness_quorum?: number,
) {
  const settings = { anchors, ...(witness_quorum === undefined ? {} : { witness_quorum }) };
  return gatherEvidence({ objects: store, origin: ORIGIN, settings, env: {} });
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tally-evidence-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a time stamp counts with its configured certificate, and is only kept without', async (t) => {
  const authority = makeAuthority(t);
  const url = await serve(t, (body) => authority.reply(body));
  const subject = await makeLog().subject(7);
  const driver = createTimeStampAnchor({ name: 's', url, ca: authority.ca, random: (n) => randomBytes(n) });
  const receipt = await driver.anchor(subject, never);
  const store = objects();
  await storeReceipt(store, { ...receipt, name: 's', size: 7, note: subject.note });
  const base = { name: 's', type: 'rfc3161', url } as const;

  const [good] = (await gather(store, [{ ...base, ca: authority.ca }])).evidence.receipts;
  assert.deepEqual([good?.status, good?.time], ['verified', receipt.time]);
  for (const setting of [[base], [], [{ ...base, ca: '/no/such/file' }]]) {
    const [told] = (await gather(store, setting)).evidence.receipts;
    assert.deepEqual([told?.type, told?.status, told?.time], ['rfc3161', 'unverified', undefined]);
  }
  const stranger = makeAuthority(t);
  const [other] = (await gather(store, [{ ...base, ca: stranger.ca }])).evidence.receipts;
  assert.equal(other?.status, 'invalid');

  // Put beside another checkpoint: what was stamped is another one.
  await store.put(receiptPath('s', 7, 'checkpoint'), (await makeLog('other').subject(7)).note);
  const [moved] = (await gather(store, [{ ...base, ca: authority.ca }])).evidence.receipts;
  assert.deepEqual([moved?.status, moved?.time], ['invalid', undefined]);
});

test('a cosignature counts by the configured key, over the stored checkpoint, and not otherwise', async () => {
  const { skey, vkey } = makeCosignerKey('w.example/1', randomBytes(32));
  const other = makeCosignerKey('w.example/1', randomBytes(32));
  const { note } = await makeLog().subject(7);
  const text = Buffer.from(parseNote(note).text);
  const bytes = mergeSignatures(note, [cosignerFromSkey(skey).cosign(text, 1_800_000_000)]);
  const store = objects();
  await storeReceipt(store, { name: 'w', size: 7, suffix: 'note', note, bytes });
  const setting = (key: string): AnchorSetting => ({
    name: 'w',
    type: 'witness',
    url: 'https://w.example',
    vkey: key,
  });

  const { evidence, heads } = await gather(store, [setting(vkey)], 1);
  assert.deepEqual(
    evidence.receipts.map(({ status, time }) => [status, time]),
    [['verified', '2027-01-15T08:00:00.000Z']],
  );
  assert.deepEqual([evidence.quorum?.needed, evidence.quorum?.witnesses.length], [1, 1]);
  assert.deepEqual(
    heads.map(({ ground }) => ground),
    ['witness'],
  );
  assert.equal((await gather(store, [setting(other.vkey)])).evidence.receipts[0]?.status, 'invalid');
  assert.equal((await gather(store, [])).evidence.receipts[0]?.status, 'unverified');

  await store.put(receiptPath('w', 7, 'checkpoint'), (await makeLog('other').subject(7)).note);
  assert.equal((await gather(store, [setting(vkey)])).evidence.receipts[0]?.status, 'invalid');
});

test('a directory is read back: what it holds now counts, without receipts too, and not what a receipt says', async (t) => {
  const path = scratch(t);
  const setting = { name: 'disk', type: 'file', path } as const;
  const log = makeLog();
  const store = objects();
  for (const size of [3, 9]) {
    const subject = await log.subject(size);
    const receipt = await createFileAnchor(setting).anchor(subject, never);
    if (size === 9) await storeReceipt(store, { ...receipt, name: 'disk', size, note: subject.note });
  }
  const both = await gather(store, [setting]);
  assert.deepEqual(
    both.evidence.receipts.map(({ size, status }) => [size, status]),
    [
      [9, 'verified'],
      [9, 'verified'],
      [3, 'verified'],
    ],
  );
  assert.equal(both.heads.length, 3);

  const directory = join(path, readdirSync(path)[0] ?? '');
  rmSync(join(directory, '9.checkpoint'));
  const less = (await gather(store, [setting])).evidence.receipts;
  assert.deepEqual(
    less.map(({ size, status }) => [size, status]),
    [
      [9, 'unverified'],
      [3, 'verified'],
    ],
  );
  assert.match(less[0]?.why ?? '', /no longer holds/);
});

test('a place that cannot be read is named, and the others are read', async (t) => {
  const path = scratch(t);
  writeFileSync(join(path, 'file'), '');
  const gone = { name: 'gone', type: 'file', path: join(path, 'file') } as const;
  const repository = { name: 'repo', type: 'git', path: join(path, 'nowhere') } as const;
  const { evidence } = await gather(objects(), [gone, repository]);
  assert.deepEqual(
    evidence.unreadable.map(({ name }) => name),
    ['gone', 'repo'],
  );
});

test('whatever lies among the receipts, looking at it ends, and nothing of it counts', async () => {
  const store = objects();
  const { note } = await makeLog().subject(7);
  await store.put('anchors/s/7.tsr', randomBytes(100));
  await store.put('anchors/s/7.checkpoint', note);
  await store.put('anchors/s/8.tsr', randomBytes(100));
  await store.put('anchors/s/8.checkpoint', note);
  await store.put('anchors/w/7.note', randomBytes(100));
  await store.put('anchors/w/7.checkpoint', Buffer.alloc(2_000_000, 'a'));
  await store.put('anchors/w/9.checkpoint', note);
  await store.put('anchors/UPPER/7.tsr', note);
  await store.put('anchors/s/07.tsr', note);
  await store.put('anchors/s/deep/7.tsr', note);
  await store.put('anchors/s/99999999999999999.tsr', note);
  const { evidence, heads } = await gather(store, []);
  assert.deepEqual(
    evidence.receipts.map(({ anchor, size, status }) => [anchor, size, status]),
    [
      ['s', 8, 'invalid'],
      ['s', 7, 'invalid'],
    ],
  );
  assert.deepEqual(
    heads.map(({ name }) => name),
    ['logs/…/anchors/s/7.checkpoint'],
  );
});

test('a receipt counts as there only with the checkpoint that was shown, and no file beside it hides it', async () => {
  const log = makeLog();
  const store = objects();
  for (const size of [3, 7]) {
    const { note } = await log.subject(size);
    await storeReceipt(store, { name: 'x', size, suffix: 'txt', note, bytes: Buffer.from('seen') });
  }
  const names = async () => [...(await gather(store, [])).evidence.files].sort();
  assert.deepEqual(await names(), ['x/3.txt', 'x/7.txt']);
  await store.put(receiptPath('x', 7, 'zzz'), Buffer.from('put there'));
  assert.deepEqual(await names(), ['x/3.txt', 'x/7.txt', 'x/7.zzz']);
  await store.remove(receiptPath('x', 7, 'checkpoint'));
  assert.deepEqual(await names(), ['x/3.txt']);
  await store.put(receiptPath('x', 3, 'checkpoint'), Buffer.alloc(LIMITS.noteBytes + 1));
  assert.deepEqual(await names(), []);
});
