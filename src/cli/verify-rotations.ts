/** What a log says of its rotations beside the walk: nothing is held against it that only follows from altered entries. */
import { contradictedKeys, type ListedKey, type RotationNote } from '../core/tlog/key-history.ts';
import type { LogSource } from '../core/tlog/verify.ts';
import type { IntegrityVerdict, Report } from '../core/tlog/verify-report.ts';

export interface RotationsSeen {
  /** Beside the log. */
  readonly stored: readonly RotationNote[];
  /** The keys that the walk led to. */
  readonly walked: readonly ListedKey[];
  readonly integrity: Pick<IntegrityVerdict, 'status' | 'first_bad'>;
}

export async function seenRotations(
  { rotations }: Pick<LogSource, 'rotations'>,
  { signatures, integrity }: Pick<Report, 'signatures' | 'integrity'>,
): Promise<RotationsSeen> {
  return { stored: (await rotations?.()) ?? [], walked: signatures.keys ?? [], integrity };
}

/** Sizes that have a note, whether or not the walk came so far: why it did not is told by the signatures. */
export function completedAt({ stored, walked }: RotationsSeen): readonly number[] {
  return [...new Set([...walked.map(({ from }) => from), ...stored.map(({ size }) => size)])];
}

/**
 * How the keys of log.json contradict the notes. From the first note on that cannot be judged, because an entry under it
 * was altered, nobody can tell.
 */
export function contradictedByNotes(
  listed: readonly ListedKey[],
  { stored, walked, integrity }: RotationsSeen,
): string | undefined {
  const altered = integrity.status === 'fail' ? (integrity.first_bad ?? 0) : Number.POSITIVE_INFINITY;
  const unjudged = (from: number): boolean => altered < from && stored.some(({ size }) => size === from);
  const end = listed.findIndex(({ from }, i) => i >= Math.max(1, walked.length) && unjudged(from));
  return contradictedKeys(end === -1 ? listed : listed.slice(0, end), walked);
}
