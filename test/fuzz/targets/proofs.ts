/** Tiles, bundles, proofs and proof files: nothing is proved that is not in the tree. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { exitCodeOfProof, verifyProof } from '../../../src/core/tlog/entry-proof.ts';
import {
  checkConsistency,
  checkInclusion,
  proveConsistency,
  proveInclusion,
} from '../../../src/core/tlog/proof.ts';
import { encodeProofFile, parseProofFile } from '../../../src/core/tlog/proof-file.ts';
import {
  bundlePath,
  decodeBundle,
  encodeBundle,
  parseTilePath,
  tilePath,
} from '../../../src/core/tlog/tile.ts';
import { createRange } from '../../../src/core/tlog/tree.ts';
import { buildLog, ORIGIN } from '../../core/tlog/fixture.ts';
import { count, nearly, nearlyText } from '../mutate.ts';
import { accepted, same, type Target, target } from '../target.ts';

const SIZE = 21;
const log = buildLog(SIZE);
const rootOf = (from: number, to: number): Uint8Array => {
  const range = createRange();
  for (const leaf of log.leaves.slice(from, to)) range.append(leaf);
  return range.root();
};
const roots = Array.from({ length: SIZE + 1 }, (_, size) => rootOf(0, size));
const read = (height: number, index: number): Uint8Array =>
  rootOf(index * 2 ** height, (index + 1) * 2 ** height);
const joined = (hashes: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(hashes));

/** Proofs as their hashes one after the other; cut into 32 bytes again they may be too few, too many, or too short. */
const cut = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / 32) }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));

const inclusions: { readonly index: number; readonly size: number; readonly proof: Uint8Array }[] = [];
const consistencies: { readonly from: number; readonly to: number; readonly proof: Uint8Array }[] = [];
for (const size of [1, 2, 7, 8, 9, SIZE]) {
  for (let index = 0; index < size; index++)
    inclusions.push({ index, size, proof: joined(await proveInclusion(index, size, read)) });
  for (let from = 0; from <= size; from++)
    consistencies.push({ from, to: size, proof: joined(await proveConsistency(from, size, read)) });
}
const root = (size: number): Uint8Array => roots[size] ?? new Uint8Array(32);
const leaf = (index: number): Uint8Array => log.leaves[index] ?? new Uint8Array(32);

const lines = log.lines.map(encodeUtf8);
const bundles = [lines.slice(0, 1), lines.slice(0, 5), lines].map(encodeBundle);
const WIDTHS = [1, 5, SIZE];
const note = signCheckpoint({ origin: ORIGIN, size: SIZE, root: root(SIZE) }, [log.signer]);
const files = inclusions
  .filter(({ size }) => size === SIZE)
  .map(({ index, proof }) =>
    encodeProofFile({ index, proof: cut(proof), checkpoint: note, extra: lines[index] ?? new Uint8Array() }),
  );

export const proofTargets: readonly Target[] = [
  target(
    'tiles: a path is written back',
    nearlyText([
      tilePath({ level: 0, index: 0, width: 256 }),
      tilePath({ level: 1, index: 1_234_067, width: 17 }),
      tilePath({ level: 6, index: 12, width: 1 }),
      bundlePath({ index: 999_999, width: 256 }),
      bundlePath({ index: 1000, width: 255 }),
    ]),
    (text) => {
      const parsed = parseTilePath(text);
      if (parsed === undefined) return;
      assert.equal(parsed.kind === 'tile' ? tilePath(parsed) : bundlePath(parsed), text);
    },
  ),
  target(
    'bundles: what decodes is written back',
    fc.tuple(nearly(bundles), count),
    ([{ bytes, sample }, other]) => {
      for (const width of [WIDTHS[sample] ?? 0, other]) {
        const entries = accepted(['LOG_DAMAGED'], () => decodeBundle(bytes, width));
        if (entries === undefined) continue;
        assert.equal(entries.length, width);
        same(encodeBundle(entries), bytes, 'it reads as other entries');
      }
    },
  ),
  target(
    'inclusion: an entry of the tree, or no proof',
    fc.tuple(
      nearly(inclusions.map(({ proof }) => proof)),
      fc.nat(SIZE),
      fc.option(nearly(log.leaves), { nil: undefined }),
      fc.option(count, { nil: undefined }),
    ),
    ([{ bytes, sample }, index, given, size]) => {
      const honest = inclusions[sample];
      if (honest === undefined) return;
      const proof = cut(bytes);
      // Of leaves and roots the length is checked where they are read.
      const shown = given?.bytes.length === 32 ? given.bytes : leaf(honest.index);
      for (const at of [honest.index, index]) {
        const proved = accepted(['PROOF_INVALID'], () => {
          checkInclusion(proof, at, shown, honest.size, root(honest.size));
          return true;
        });
        if (proved === true) same(shown, leaf(at), `entry ${at} is another one`);
      }
      // Of a tree that nobody signed anything may be shown, but not without an end.
      if (size !== undefined)
        accepted(['PROOF_INVALID'], () => checkInclusion(proof, index, shown, size, root(honest.size)));
    },
  ),
  target(
    'consistency: the same history, or no proof',
    fc.tuple(
      nearly(consistencies.map(({ proof }) => proof)),
      fc.nat(SIZE),
      fc.option(nearly(roots), { nil: undefined }),
      fc.option(count, { nil: undefined }),
    ),
    ([{ bytes, sample }, size, given, other]) => {
      const honest = consistencies[sample];
      if (honest === undefined) return;
      const proof = cut(bytes);
      for (const from of [honest.from, size]) {
        const old = given?.bytes.length === 32 ? given.bytes : root(honest.from);
        const proved = accepted(['PROOF_INVALID'], () => {
          checkConsistency(proof, from, old, honest.to, root(honest.to));
          return true;
        });
        if (proved === true) same(old, root(from), `the tree of ${from} entries is another one`);
      }
      if (other !== undefined)
        accepted(['PROOF_INVALID'], () =>
          checkConsistency(proof, size, root(honest.from), other, root(honest.to)),
        );
    },
  ),
  target('proof file: what parses is written back', nearly(files), ({ bytes }) => {
    const file = accepted(['PROOF_INVALID'], () => parseProofFile(bytes));
    if (file !== undefined) same(encodeProofFile(file), bytes, 'it reads as another proof');
  }),
  target('proof file: what is proven stands in the log', nearly(files), ({ bytes, sample }) => {
    for (const given of [undefined, lines[sample]]) {
      const { report, entry } = verifyProof(bytes, {
        pinned: [log.signer.vkey],
        ...(given === undefined ? {} : { entry: given }),
      });
      if (exitCodeOfProof(report) !== 0) {
        assert.ok(entry === undefined, 'an entry is given out that nothing proves');
        continue;
      }
      assert.ok(entry !== undefined && report.index !== undefined);
      same(entry, lines[report.index] ?? new Uint8Array(), 'an entry that is not in the log');
    }
  }),
];
