/** A log in segments, verified stretch by stretch; and the same in order, which is what has to come out. */
import { type PruneNote, pruneIn } from '../../../src/core/retention/prune-entry.ts';
import type { LogSource, WantedEntries } from '../../../src/core/tlog/verify.ts';
import type { EntriesResult } from '../../../src/core/tlog/verify-entries.ts';
import { createStitch, cutsFor } from '../../../src/core/tlog/verify-stitch.ts';
import { createStretchVerifier, type LineWatch } from '../../../src/core/tlog/verify-stretch.ts';

export interface SegmentBytes {
  readonly first: number;
  readonly bytes: Uint8Array;
}

/** Counts answers and refusals, so that a test can tell that it tried both. */
export interface Outcomes {
  answered: number;
  refused: number;
}

export function entriesBySegments(
  segments: readonly SegmentBytes[],
  tile: (level: number, index: number) => Uint8Array | undefined,
  outcomes: Outcomes,
  options: { readonly blockBytes?: number; readonly watch?: LineWatch } = {},
): NonNullable<LogSource['entries']> {
  const { blockBytes = 1_000, watch } = options;
  async function entries(wanted: WantedEntries): Promise<EntriesResult | undefined> {
    const verifier = createStretchVerifier();
    const stitch = createStitch({ ...wanted, tile: async (level, index) => tile(level, index) });
    if (!(await stitch.begin())) return undefined;
    const prunes: PruneNote[] = [];
    for (const { first, bytes } of segments) {
      for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
        const note = pruneIn(Buffer.from(line, 'latin1'));
        if (wanted.first !== undefined && wanted.first > 0 && note !== undefined) prunes.push(note);
      }
      const pass = verifier?.({
        first,
        tile: (index) => tile(0, index),
        rootsAt: cutsFor(wanted),
        keep: wanted.keep ?? [],
        watch,
      });
      for (let at = 0; at < bytes.length; at += blockBytes)
        if (pass?.push(bytes.subarray(at, at + blockBytes)) !== true) return undefined;
      const stretch = pass?.finish();
      if (stretch === undefined || !(await stitch.add(stretch))) return undefined;
    }
    return { ...stitch.finish(), prunes };
  }
  return async (wanted) => {
    const result = await entries(wanted);
    if (result === undefined) outcomes.refused++;
    else outcomes.answered++;
    return result;
  };
}
