/** Signed checkpoints of a made-up log, for what an anchor is shown. */
import { randomBytes } from 'node:crypto';
import type { AnchorSubject } from '../../src/anchor/driver.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { proveConsistency, treeRoot } from '../../src/core/tlog/proof.ts';
import { createTree, tileHashReader } from '../../src/core/tlog/tiling.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';

export const ORIGIN = 'test.example/local';

export interface MadeLog {
  readonly vkey: string;
  subject(size: number): Promise<AnchorSubject>;
}

/** Of at most 256 entries. `word` is in each: another word, another log. */
export function makeLog(word = 'entry', seed: Uint8Array = randomBytes(32)): MadeLog {
  const { skey, vkey } = makeKeyPair(ORIGIN, seed);
  const signer = signerFromSkey(skey);
  const leaves = Buffer.concat(Array.from({ length: 256 }, (_, i) => leafHash(Buffer.from(`${word} ${i}`))));
  const hashes = (size: number) =>
    tileHashReader(size, async (_level, _index, width) => leaves.subarray(0, width * 32));
  return {
    vkey,
    async subject(size) {
      const root = size === 0 ? createTree().root() : await treeRoot(size, hashes(size));
      const note = signCheckpoint({ origin: ORIGIN, size, root }, [signer]);
      return {
        origin: ORIGIN,
        size,
        root,
        note,
        consistencyFrom: (from) =>
          from === 0 || from === size ? Promise.resolve([]) : proveConsistency(from, size, hashes(size)),
      };
    },
  };
}
