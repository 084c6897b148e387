/** Whole logs: the scanner of fields, verification, sealed segments. Never a false "intact". */
import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../../src/core/bytes.ts';
import { isCanonical } from '../../../src/core/canonical.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { frameEnd } from '../../../src/core/sealed/frame.ts';
import { decodeSeekTable, encodeSeekTable } from '../../../src/core/sealed/table.ts';
import { openCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { createFieldScanner, nestingIn, PREV_CHARS, scanFields } from '../../../src/core/tlog/fields.ts';
import { verifierFromVkey } from '../../../src/core/tlog/key.ts';
import { publishTree } from '../../../src/core/tlog/publish.ts';
import { publishedLog } from '../../../src/core/tlog/published.ts';
import { verifyLog, type WantedEntries } from '../../../src/core/tlog/verify.ts';
import type { EntriesResult } from '../../../src/core/tlog/verify-entries.ts';
import { exitCodeOf, type Report } from '../../../src/core/tlog/verify-report.ts';
import { createStitch, cutsFor } from '../../../src/core/tlog/verify-stitch.ts';
import { createStretchVerifier } from '../../../src/core/tlog/verify-stretch.ts';
import { buildLog, bytesOf, sourceOf } from '../../core/tlog/fixture.ts';
import { buildRotated } from '../../core/tlog/rotated.ts';
import { nearly } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const small = buildLog(6, {
  text: (index, prev) => `{"id":"x","index":${index},"m":{"a":[1,"b"],"index":9},"prev":"${prev}","v":1}`,
});
const rotated = buildRotated(6, [3]);
const whole = [bytesOf(small.lines), bytesOf(rotated.log.lines)];
const notes = [small.checkpoint, rotated.log.checkpoint];
const lines = [...small.lines, ...rotated.log.lines, ...buildLog(3).lines].map(encodeUtf8);

const rotatedBytes = whole[1] ?? new Uint8Array();
const kernel = createStretchVerifier();

/** As `tally verify` does beside each other what it can; undefined where it leaves the rest to the pass in order. */
async function byStretch(
  bytes: Uint8Array,
  block: number,
  wanted: WantedEntries,
): Promise<EntriesResult | undefined> {
  const stitch = createStitch({ ...wanted, tile: async () => undefined });
  const pass = kernel?.({
    first: 0,
    tile: () => undefined,
    rootsAt: cutsFor(wanted),
    keep: wanted.keep ?? [],
  });
  for (let at = 0; at < bytes.length; at += block)
    if (pass?.push(bytes.subarray(at, at + block)) !== true) return undefined;
  const stretch = pass?.finish();
  return stretch !== undefined && (await stitch.add(stretch)) ? stitch.finish() : undefined;
}

const published = new Map<string, Uint8Array>();
for await (const { path, bytes } of publishTree({
  blocks: () => sourceOf(small).blocks(),
  checkpoint: openCheckpoint(small.checkpoint, [verifierFromVkey(small.signer.vkey)]),
  note: small.checkpoint,
}))
  published.set(path, bytes);
/** A tile counts neither way: the entries are proven by the root. */
const TILE = [...published.keys()].find((path) => path.startsWith('tile/0/'));

/** What a JSON reader takes the two members for; undefined where it is no canonical entry. */
function fieldsOf(line: Uint8Array): readonly [index: number, prev: string] | undefined {
  if (!isCanonical(line)) return undefined;
  const entry = JSON.parse(decodeUtf8(line) ?? '');
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined;
  const { index, prev } = entry;
  return Number.isSafeInteger(index) &&
    index >= 0 &&
    typeof prev === 'string' &&
    prev.length === PREV_CHARS &&
    /^[\x20-\x7e]*$/.test(prev)
    ? [index, prev]
    : undefined;
}

/** One frame of a sealed segment after the other, and their table. */
const frames = [3, 40, 700].map((length) => zstdCompressSync(Buffer.alloc(length, 'line\n')));
const tables = [1, 2, 3].map((n) =>
  encodeSeekTable(frames.slice(0, n).map((frame, i) => ({ length: frame.length, bytes: 100 + i }))),
);

export const logTargets: readonly Target[] = [
  target('fields: the scanner finds what a JSON reader finds', nearly(lines), ({ bytes }) => {
    const expected = fieldsOf(bytes);
    const scan = createFieldScanner(bytes, nestingIn(bytes));
    for (const found of [scanFields(bytes, 0, bytes.length), scan(0, bytes.length), scan(0, bytes.length)]) {
      if (expected === undefined) continue;
      const prev =
        found &&
        Buffer.from(bytes.subarray(found.prevStart, found.prevStart + PREV_CHARS)).toString('latin1');
      assert.deepEqual([found?.index, prev], expected);
    }
  }),
  target(
    'verification: no altered entry passes',
    fc.tuple(fc.nat(1), nearly(whole), fc.constantFrom(50, 400, 4096)),
    async ([which, { bytes }, block]) => {
      const log = which === 0 ? small : rotated.log;
      const changes =
        which === 0
          ? {}
          : { rotations: async () => rotated.notes, vkeys: rotated.keys.map(({ vkey }) => vkey) };
      const report = await verifyLog(sourceOf(log, changes, bytes, block), {
        pinned: [(which === 0 ? small.signer : (rotated.keys[0] ?? small.signer)).vkey],
      });
      const honest = whole[which] ?? new Uint8Array();
      const begins = Buffer.compare(bytes.subarray(0, honest.length), honest) === 0;
      if (exitCodeOf(report) === 0) assert.ok(begins, 'a log that was altered passes');
      // What comes after the signed entries may be wrong in any way; what was signed is told to be whole.
      if (begins) assert.equal(report.integrity.status, 'pass');
    },
  ),
  target(
    'verification: no checkpoint passes that nobody signed',
    fc.tuple(fc.nat(1), nearly(notes)),
    async ([which, { bytes }]) => {
      const log = which === 0 ? small : rotated.log;
      const changes = {
        checkpoint: async () => bytes,
        ...(which === 0
          ? {}
          : { rotations: async () => rotated.notes, vkeys: rotated.keys.map(({ vkey }) => vkey) }),
      };
      const report = await verifyLog(sourceOf(log, changes), {
        pinned: [(which === 0 ? small.signer : (rotated.keys[0] ?? small.signer)).vkey],
      });
      const text = (note: Uint8Array | undefined): string =>
        Buffer.from(note ?? [])
          .toString('utf8')
          .split('\n\n')[0] ?? '';
      if (exitCodeOf(report) === 0)
        assert.equal(text(bytes), text(notes[which]), 'a checkpoint that nobody signed');
    },
  ),
  target(
    'verification: stretch by stretch comes to the same as in order',
    fc.tuple(nearly([whole[0] ?? new Uint8Array(), rotatedBytes]), fc.constantFrom(60, 5_000)),
    async ([{ bytes }, block]) => {
      const options = { pinned: [small.signer.vkey] };
      const source = sourceOf(small, {}, bytes, 4_096);
      const inOrder = await verifyLog(source, options);
      const entries = async (wanted: WantedEntries) => byStretch(bytes, block, wanted);
      const beside = await verifyLog({ ...source, entries }, options);
      // A line that is no JSON may be read by one and not by the other, and then be named by one. Whether the log is the
      // one that was signed is the same for both.
      const judged = ({ integrity, append_only, signatures, size }: Report) => ({
        integrity: integrity.status,
        append_only: append_only.status,
        signatures: signatures.status,
        size,
      });
      assert.deepEqual(judged(beside), judged(inOrder));
      if (exitCodeOf(beside) === 0) assert.equal(exitCodeOf(inOrder), 0);
    },
  ),
  target(
    'publishing: no bundle, tile or checkpoint passes that was altered',
    fc.tuple(fc.nat(2), nearly([...published.values()])),
    async ([which, { bytes }]) => {
      const paths = [...published.keys()];
      const path = paths[which % paths.length] ?? '';
      const get = async (name: string) => (name === path ? bytes : published.get(name));
      const log = await publishedLog({
        get,
        list: async (prefix) => paths.filter((one) => one.startsWith(prefix)),
      }).catch((error: unknown) => {
        assert.ok(isTallyError(error), String(error));
      });
      if (log === undefined) return;
      const report = await verifyLog(
        { ...log, origin: small.signer.name, vkeys: [] },
        { pinned: [small.signer.vkey] },
      );
      const signedText = (note: Uint8Array | undefined) =>
        Buffer.from(note ?? [])
          .toString('utf8')
          .split('\n\n')[0];
      const honest = published.get(path) ?? new Uint8Array();
      // Bytes behind the last entry are passed over: nothing of them is shown or proved.
      const unharmed =
        path === 'checkpoint'
          ? signedText(bytes) === signedText(honest)
          : Buffer.compare(bytes.subarray(0, honest.length), honest) === 0;
      if (exitCodeOf(report) === 0 && path !== TILE) assert.ok(unharmed, `${path} was altered and passes`);
    },
  ),
  target(
    'sealed: a table that counts fills its file',
    fc.tuple(nearly(tables), fc.nat(2000)),
    ([{ bytes, sample }, other]) => {
      const honest = frames
        .slice(0, sample + 1)
        .reduce((sum, frame) => sum + frame.length, tables[sample]?.length ?? 0);
      for (const size of [honest, other, bytes.length]) {
        const table = decodeSeekTable(bytes, size);
        if (typeof table === 'string') continue;
        let at = 0;
        let start = 0;
        for (const frame of table.frames) {
          assert.deepEqual([frame.at, frame.start], [at, start]);
          assert.ok(frame.length > 0 && frame.bytes > 0);
          at += frame.length;
          start += frame.bytes;
        }
        assert.ok(start === table.bytes && at < size && table.frames.length <= 256);
      }
    },
  ),
  target(
    'sealed: the end of a frame is found in time',
    fc.tuple(nearly([...frames, Buffer.concat(frames)]), fc.nat(4)),
    ([{ bytes }, at]) => {
      const from = Math.min(at, bytes.length);
      const end = frameEnd(bytes, from);
      assert.ok(end === -1 || end > from);
    },
  ),
];
