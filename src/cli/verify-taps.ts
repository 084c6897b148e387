/** What is looked at while entries pass by on their way to the verifier, which reads the log once. */
import { LIMITS } from '../core/limits.ts';
import { type CompletenessJudge, judgeCompleteness } from '../core/query/completeness.ts';
import { parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import { type OpeningWatch, watchOpenings } from '../core/query/openings.ts';
import { type RecoveryWatch, watchRecovery } from '../core/query/recovery.ts';
import { type SnapshotWatch, watchSnapshots } from '../core/query/snapshots.ts';
import { createLineSplitter } from '../core/tlog/verify-lines.ts';

export interface Taps {
  readonly openings: OpeningWatch;
  readonly recovery: RecoveryWatch;
  readonly snapshots: SnapshotWatch;
  /** Only when completeness was asked for: it parses every entry. */
  readonly judge: CompletenessJudge | undefined;
  /** Before the verifier gets the block, which it may overwrite. */
  push(block: Uint8Array): void;
}

export function createTaps(deep: boolean): Taps {
  const openings = watchOpenings();
  const recovery = watchRecovery();
  const snapshots = watchSnapshots();
  const judge = deep ? judgeCompleteness() : undefined;

  function see(line: Buffer): void {
    const parsed = parseLine(line);
    if (!('entry' in parsed)) return;
    openings.see(parsed.entry);
    recovery.see(parsed.entry);
    snapshots.see(parsed.entry);
    judge?.see(parsed.entry);
  }

  const finders = ['log.open', 'log.recover', 'policy.snapshot'].map((type) =>
    createMentionFinder(Buffer.from(`"type":"${type}"`), LIMITS.entryBytes, see),
  );
  const splitter = createLineSplitter({
    line: (block, start, end) => see(Buffer.from(block.buffer, block.byteOffset + start, end - start)),
    // The verifier tells of it.
    tooLong: () => undefined,
  });
  return {
    openings,
    recovery,
    snapshots,
    judge,
    push(block) {
      if (deep) splitter.push(block);
      else for (const finder of finders) finder.push(block);
    },
  };
}
