import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import {
  exitCodeOfProof,
  type VerifiedProof,
  type VerifyProofOptions,
  verifyProof,
} from '../../../src/core/tlog/entry-proof.ts';
import { parseNote, signNote } from '../../../src/core/tlog/note.ts';
import { proveInclusion } from '../../../src/core/tlog/proof.ts';
import { encodeProofFile, parseProofFile } from '../../../src/core/tlog/proof-file.ts';
import { createRange, rootOfHashes } from '../../../src/core/tlog/tree.ts';
import { buildLog, type TestLog, testSigner } from './fixture.ts';

/** Perfect subtrees out of the log's leaves. */
function hashesOf(log: TestLog): (height: number, index: number) => Uint8Array {
  return (height, index) => {
    const leaves = log.leaves.slice(index * 2 ** height, (index + 1) * 2 ** height);
    return rootOfHashes(Buffer.concat(leaves));
  };
}

async function proofOf(log: TestLog, index: number): Promise<Uint8Array> {
  return encodeProofFile({
    index,
    proof: await proveInclusion(index, log.lines.length, hashesOf(log)),
    checkpoint: log.checkpoint,
    extra: encodeUtf8(log.lines[index] ?? ''),
  });
}

const log = buildLog(300);
const pinned = { pinned: [log.signer.vkey] };
const statuses = ({ report }: VerifiedProof): string =>
  `${report.integrity.status} ${report.signatures.status} ${exitCodeOfProof(report)}`;
const said = (bytes: Uint8Array, options: VerifyProofOptions = pinned): string =>
  statuses(verifyProof(bytes, options));

describe('the proof of one entry', () => {
  it('holds with the log’s key, and gives back the bytes that were signed', async () => {
    for (const index of [0, 1, 255, 256, 299]) {
      const { report, entry } = verifyProof(await proofOf(log, index), pinned);
      assert.deepEqual(
        [report.integrity, report.origin, report.size, report.index],
        [{ status: 'pass' }, 'test.example/local', 300, index],
      );
      assert.equal(report.signatures.status, 'pass');
      assert.equal(exitCodeOfProof(report), 0);
      assert.equal(Buffer.from(entry ?? []).toString(), log.lines[index]);
    }
  });

  it('is no pass without a key, and gives no bytes: anybody could have made it', async () => {
    const proof = await proofOf(log, 7);
    const without = verifyProof(proof);
    assert.equal(statuses(without), 'incomplete neutral 2');
    assert.equal(without.entry, undefined);
    // A key of another log is no answer either, nor is another key under this log's name: it may have been rotated.
    assert.equal(
      said(proof, { pinned: [testSigner(8, 'other.example/local').vkey] }),
      'incomplete incomplete 2',
    );
    assert.equal(said(proof, { pinned: [testSigner(8).vkey] }), 'incomplete incomplete 2');
    // It may be the remembered one: nobody need have given any.
    assert.match(
      verifyProof(proof, { pinned: [testSigner(8).vkey] }).report.signatures.note ?? '',
      /not the key that is trusted here: a log whose key was rotated needs the key that signed at that time/,
    );
  });

  it('is judged by the keys of its own log alone: what lines of other trusted keys say changes nothing', async () => {
    const other = testSigner(8, 'other.example/local');
    const trusted = { pinned: [log.signer.vkey, other.vkey] };
    const file = parseProofFile(await proofOf(log, 7));
    const { text } = parseNote(log.checkpoint);
    const judged = (checkpoint: Uint8Array): string =>
      said(encodeProofFile({ ...file, checkpoint }), trusted);
    const broken = { name: other.name, keyId: other.keyId, signature: new Uint8Array(64) };
    assert.equal(judged(signNote(text, [log.signer], [broken])), 'pass pass 0');
    // Signed by a newer key of the log, which is not known, and by the other one, which is.
    assert.equal(judged(signNote(text, [testSigner(9), other])), 'incomplete incomplete 2');
  });

  it('fails when the entry, its place, a hash or the checkpoint is another', async () => {
    const proof = await proofOf(log, 7);
    const file = parseProofFile(proof);
    const fails = (changed: Partial<typeof file>): void => {
      const answer = verifyProof(encodeProofFile({ ...file, ...changed }), pinned);
      assert.equal(exitCodeOfProof(answer.report), 6);
      assert.equal(answer.entry, undefined);
    };
    fails({ extra: encodeUtf8(log.lines[8] ?? '') });
    fails({ extra: encodeUtf8(`${log.lines[7]} `) });
    fails({ index: 8 });
    fails({ index: 300 });
    fails({ proof: file.proof.slice(1) });
    fails({ proof: [...file.proof, new Uint8Array(32)] });
    fails({ proof: file.proof.toReversed() });
    fails({ checkpoint: encodeUtf8('nothing') });
    const other = buildLog(301);
    fails({ checkpoint: other.checkpoint });
    // A line under the trusted key's name and id that is not its signature.
    const text = new TextDecoder().decode(log.checkpoint);
    const forged = text.replace(/(— \S+ \S{40})(.)/, (_, line, char) => line + (char === 'A' ? 'B' : 'A'));
    assert.notEqual(forged, text);
    fails({ checkpoint: encodeUtf8(forged) });
  });

  it('fails for an entry that stands under another index than it carries', async () => {
    const text = (index: number, prev: string): string =>
      `{"index":${index === 3 ? 2 : index},"prev":"${prev}","v":1}`;
    const wrong = buildLog(5, { text });
    assert.match(
      verifyProof(await proofOf(wrong, 3), pinned).report.integrity.note ?? '',
      /the entry at index 3 says it is entry 2/,
    );
  });

  it('takes the entry from elsewhere when the file has none', async () => {
    const { index, proof, checkpoint } = parseProofFile(await proofOf(log, 7));
    const bare = encodeProofFile({ index, proof, checkpoint });
    assert.equal(said(bare), 'incomplete pass 2');
    assert.equal(said(bare, { ...pinned, entry: encodeUtf8(log.lines[7] ?? '') }), 'pass pass 0');
    assert.equal(said(bare, { ...pinned, entry: encodeUtf8(log.lines[8] ?? '') }), 'fail pass 6');
  });

  it('ignores signatures of others, and lets a judge of witnesses say no', async () => {
    const file = parseProofFile(await proofOf(log, 7));
    const cosigned = signCheckpoint({ origin: log.signer.name, size: 300, root: log.tree.root() }, [
      testSigner(4, 'witness.example/w'),
      log.signer,
    ]);
    const proof = encodeProofFile({ ...file, checkpoint: cosigned });
    assert.equal(said(proof), 'pass pass 0');
    const judged = (status: 'pass' | 'fail' | 'incomplete'): number =>
      exitCodeOfProof(
        verifyProof(proof, { ...pinned, witnesses: () => ({ status, note: '1 of 2' }) }).report,
      );
    assert.deepEqual([judged('pass'), judged('incomplete'), judged('fail')], [0, 2, 6]);
  });

  it('of a log of one entry has no hashes', async () => {
    assert.equal(said(await proofOf(buildLog(1), 0)), 'pass pass 0');
  });

  it('is never called intact when a byte of the proof or of the entry was changed, and never throws', async () => {
    const proof = await proofOf(log, 130);
    const noteAt = Buffer.from(proof).indexOf('\n\n') + 2;
    fc.assert(
      fc.property(fc.nat({ max: proof.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        if (proof[at] === byte) return;
        const changed = proof.slice();
        changed[at] = byte;
        const { report } = verifyProof(changed, pinned);
        assert.notEqual(exitCodeOfProof(report), 0, `byte ${at} (the note starts at ${noteAt})`);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.equal(exitCodeOfProof(verifyProof(bytes, pinned).report), 6);
      }),
      { numRuns: 500 },
    );
  });
});

/** The fixture and this file agree on what a subtree is. */
it('subtrees of the test log are the ones of its tree', () => {
  const range = createRange();
  for (const leaf of log.leaves.slice(0, 256)) range.append(leaf);
  assert.deepEqual(hashesOf(log)(8, 0), range.root());
});
