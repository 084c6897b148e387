/** A signed checkpoint of a log, ready to be shown to the outside. */
import { TallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { liveTree } from '../core/tlog/live-tree.ts';
import { parseNote } from '../core/tlog/note.ts';
import { proveConsistency } from '../core/tlog/proof.ts';
import { tileHashReader } from '../core/tlog/tiling.ts';
import type { AnchorSubject } from './driver.ts';

/** `note` is the log's own: nobody's signature is checked. */
export function subjectOf(reader: LogReader, note: Uint8Array): AnchorSubject {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  const { size } = checkpoint;
  return {
    ...checkpoint,
    note,
    async consistencyFrom(from) {
      if (from === 0 || from === size) return [];
      if (from > size)
        throw new TallyError('PROOF_INVALID', `a log of ${size} entries does not continue one of ${from}`);
      const tree = liveTree(reader);
      const hashes = tileHashReader(size, (level, index, width) => tree.tile({ level, index, width }, size));
      return proveConsistency(from, size, hashes);
    },
  };
}
