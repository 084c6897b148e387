/** The proofs of a bundle: hash tiles for its entries, and what leads from the first key of the log to the one that signs. */
import { encodeBase64 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { edgeTiles, tilesAbove } from '../../core/export/proof-tiles.ts';
import type { LogReader } from '../../core/ports.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { rotationName } from '../../core/tlog/key-history.ts';
import { liveTree } from '../../core/tlog/live-tree.ts';
import { parseNote } from '../../core/tlog/note.ts';
import { proveConsistency, proveInclusion } from '../../core/tlog/proof.ts';
import { encodeProofFile } from '../../core/tlog/proof-file.ts';
import { readRotations } from '../../core/tlog/rotation-notes.ts';
import { type TileId, tilePath } from '../../core/tlog/tile.ts';
import { readKeptLine } from '../carried-line.ts';
import { hashesOf } from '../hashes.ts';

type Put = (name: string, bytes: Uint8Array) => Promise<unknown>;

export interface TileWriter {
  /** Of entries in their order. Each tile is written once. */
  cover(index: number): Promise<void>;
  /** Those on the right edge of the tree. */
  finish(): Promise<void>;
}

export function tileWriter(reader: LogReader, size: number, put: Put): TileWriter {
  const tree = liveTree(reader);
  /** The newest one of each level. */
  const last = new Map<number, number>();

  async function write(id: TileId): Promise<void> {
    const bytes = await tree.tile(id, size);
    if (bytes === undefined)
      throw new TallyError(
        'LOG_DAMAGED',
        `hash tile ${id.index} of level ${id.level} is missing, and cannot be made`,
        {
          hint: 'tally verify shows what else is wrong; without proofs: tally log export --format jsonl',
        },
      );
    await put(tilePath(id), bytes);
    last.set(id.level, id.index);
  }

  return {
    async cover(index) {
      for (const id of tilesAbove(index, size)) {
        // Whoever wrote this one wrote those above it.
        if (last.get(id.level) === id.index) break;
        await write(id);
      }
    },
    async finish() {
      for (const id of edgeTiles(size)) if (last.get(id.level) !== id.index) await write(id);
    },
  };
}

export function proofName(size: number): string {
  return `keys/${size}.tlog-proof`;
}

export interface WrittenRotation {
  readonly size: number;
  readonly consistency: string[];
}

/**
 * Each rotation note, the entry that binds its new key with the proof that leads it to the note's root, and the proof that
 * the checkpoint goes on from there.
 */
export async function writeRotations(
  reader: LogReader,
  checkpoint: Checkpoint,
  put: Put,
): Promise<WrittenRotation[]> {
  const written: WrittenRotation[] = [];
  for (const { size, note } of await readRotations(reader.objects)) {
    const claimed = parseCheckpoint(parseNote(note).text);
    const entry = await readKeptLine(reader, size - 1);
    if (claimed.size !== size || entry === undefined || size > checkpoint.size)
      throw new TallyError('LOG_DAMAGED', `${rotationName(size)} does not fit this log`, {
        hint: 'tally key list shows each key, and tally verify what else does not hold',
      });
    const proof = await proveInclusion(size - 1, size, hashesOf(reader, size));
    await put(rotationName(size), note);
    await put(proofName(size), encodeProofFile({ index: size - 1, proof, checkpoint: note, extra: entry }));
    const consistency = await proveConsistency(size, checkpoint.size, hashesOf(reader, checkpoint.size));
    written.push({ size, consistency: consistency.map(encodeBase64) });
  }
  return written;
}
