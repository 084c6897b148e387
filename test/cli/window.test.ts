/** The search for a time window ends at limits, and then it says so. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { storeReceipt } from '../../src/anchor/receipts.ts';
import type { AnchorSetting } from '../../src/anchor/setting.ts';
import { windowLines } from '../../src/cli/commands/log/show-window.ts';
import { hashesOf } from '../../src/cli/hashes.ts';
import { proveWindow } from '../../src/cli/window.ts';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import { sha256Hex } from '../../src/core/hash.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { mergeSignatures } from '../../src/core/tlog/cosignature.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { parseNote } from '../../src/core/tlog/note.ts';
import { treeRoot } from '../../src/core/tlog/proof.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { makeCosigner } from '../support/witness.ts';

const ORIGIN = 'test.example/local';
const signer = signerFromSkey(makeKeyPair(ORIGIN, new Uint8Array(32).fill(9)).skey);
const [good, stranger] = [makeCosigner(1), makeCosigner(2)];
const anchors: readonly AnchorSetting[] = [
  { name: 'w', type: 'witness', url: 'https://w.example', vkey: good.vkey },
];
const TIME = 1_800_000_000;
/** The chain is not what is looked at here. */
const NO_PREV = Buffer.alloc(32).toString('base64');

async function makeLog() {
  const store = openMemoryStore();
  await store.openSegment(0);
  let size = 0;
  const append = async (more: object = { type: 'step.note' }): Promise<void> => {
    await store.append(encodeUtf8(`${JSON.stringify({ index: size, prev: NO_PREV, ...more })}\n`));
    size++;
  };
  const root = () => treeRoot(size, hashesOf(store, size));
  return {
    append,
    /** A receipt over all entries so far, by that witness. Gives what an entry about it says. */
    async receipt(cosigner = good) {
      const note = signCheckpoint({ origin: ORIGIN, size, root: await root() }, [signer]);
      const line = cosigner.cosign(encodeUtf8(parseNote(note).text), TIME + size);
      const bytes = mergeSignatures(note, [line]);
      await storeReceipt(store.objects, { name: 'w', size, suffix: 'note', note, bytes });
      return {
        type: 'anchor.ok',
        metadata: {
          anchor: 'w',
          type: 'witness',
          size,
          receipt: `${size}.note`,
          receipt_sha256: sha256Hex(bytes),
          checkpoint_sha256: sha256Hex(note),
        },
      };
    },
    async window(index: number) {
      const blocks: Uint8Array[] = [];
      for await (const block of store.read(0)) blocks.push(block);
      const line = Buffer.concat(blocks).toString('utf8').split('\n')[index] ?? '';
      return proveWindow(
        { reader: store },
        { index, line: encodeUtf8(line) },
        { size, root: await root() },
        { settings: { anchors }, env: {} },
      );
    },
  };
}

const text = (window: Parameters<typeof windowLines>[0]): string =>
  windowLines(window, { utc: true })[0]?.[1] ?? '';

describe('the search for a time window', () => {
  for (const bad of [LIMITS.windowReceipts - 1, LIMITS.windowReceipts])
    it(`after ${bad} receipts that do not hold ${bad < LIMITS.windowReceipts ? 'takes one that does' : 'says that it looked no further'}`, async () => {
      const log = await makeLog();
      await log.append();
      for (let i = 0; i < bad; i++) {
        await log.receipt(stranger);
        await log.append();
      }
      await log.receipt();
      const window = await log.window(0);
      if (bad < LIMITS.windowReceipts) {
        assert.deepEqual([window.not_after?.size, window.stopped], [bad + 1, undefined]);
      } else {
        assert.deepEqual(window, { stopped: ['not_after'] });
        assert.match(
          text(window),
          /not after: not proven by the 16 receipts that were tried; there are more/,
        );
      }
    });

  for (const bad of [LIMITS.windowEntries - 1, LIMITS.windowEntries])
    it(`after ${bad} entries that name such receipts ${bad < LIMITS.windowEntries ? 'takes an earlier one' : 'says that it looked no further'}`, async () => {
      const log = await makeLog();
      await log.append();
      await log.append(await log.receipt());
      for (let i = 0; i < bad; i++) await log.append(await log.receipt(stranger));
      await log.append();
      const window = await log.window(bad + 2);
      if (bad < LIMITS.windowEntries) {
        assert.deepEqual([window.not_before?.entry, window.stopped], [1, undefined]);
      } else {
        assert.deepEqual(window, { stopped: ['not_before'] });
        assert.match(
          text(window),
          /not before: not proven by the 16 receipts that were tried; there are more/,
        );
      }
    });

  it('passes over any number of entries about places that sign no time', async () => {
    const log = await makeLog();
    await log.append();
    const named = await log.receipt();
    await log.append(named);
    const place = { ...named.metadata, anchor: 'disk', type: 'file', receipt: '1.txt' };
    for (let i = 0; i < 3 * LIMITS.windowEntries; i++)
      await log.append({ type: 'anchor.ok', metadata: place });
    await log.append();
    const window = await log.window(3 * LIMITS.windowEntries + 2);
    assert.deepEqual([window.not_before?.entry, window.stopped], [1, undefined]);
    assert.match(text(window), /^not before .* named by entry 1; not after: not proven$/);
  });
});
