import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { receiptPath, storeReceipt } from '../../src/anchor/receipts.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { lastReceipt } from '../../src/open/last-receipt.ts';
import { fileObjects } from '../../src/store/file/objects.ts';
import { makeLog } from '../anchor/log.ts';

test('a file among the receipts that is none does not make an anchor look as if it had been shown the log', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tally-receipts-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const objects = fileObjects(directory);
  const log = makeLog();
  assert.equal(await lastReceipt(directory, 'a'), undefined);
  await objects.put('checkpoint', (await log.subject(9)).note);
  const { note } = await log.subject(5);
  await storeReceipt(objects, { name: 'a', size: 5, suffix: 'txt', note, bytes: Buffer.from('seen') });
  const put = (size: number, suffix: string, bytes: Uint8Array): void =>
    writeFileSync(join(directory, receiptPath('a', size, suffix)), bytes);

  put(7, 'txt', Buffer.from('without the checkpoint that was shown'));
  put(8, 'txt', Buffer.from('beside another one'));
  put(8, 'checkpoint', note);
  put(20, 'txt', Buffer.from('of more than was ever signed'));
  put(20, 'checkpoint', (await log.subject(20)).note);
  put(9, 'txt', Buffer.from('beside one of any length'));
  put(9, 'checkpoint', note);
  truncateSync(join(directory, receiptPath('a', 9, 'checkpoint')), LIMITS.storedFileBytes + 1);
  put(6, 'checkpoint', (await log.subject(6)).note);
  execFileSync('mkfifo', [join(directory, receiptPath('a', 6, 'txt'))]);
  put(Number.MAX_SAFE_INTEGER, 'txt', Buffer.from('of any size'));
  assert.equal((await lastReceipt(directory, 'a'))?.size, 5);

  await objects.put('checkpoint', (await log.subject(20)).note);
  assert.equal((await lastReceipt(directory, 'a'))?.size, 20);
});

test('receipts are told by their own size when the checkpoint of the log is gone or none, and decide nothing', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tally-receipts-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const objects = fileObjects(directory);
  const { note } = await makeLog().subject(5);
  await storeReceipt(objects, { name: 'a', size: 5, suffix: 'txt', note, bytes: Buffer.from('seen') });
  for (const change of [() => undefined, () => writeFileSync(join(directory, 'checkpoint'), '')]) {
    change();
    assert.equal((await lastReceipt(directory, 'a'))?.size, undefined);
    assert.equal((await lastReceipt(directory, 'a', Number.MAX_SAFE_INTEGER))?.size, 5);
  }
});
