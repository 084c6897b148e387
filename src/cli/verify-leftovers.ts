/** What a verification makes of that which lies beside the entries: torn tails, policy snapshots, what prunes took. */
import { sha256Hex } from '../core/hash.ts';
import type { LogReader } from '../core/ports.ts';
import type { RecoveryWatch, TornVerdict } from '../core/query/recovery.ts';
import type { PruneState } from '../core/retention/prune-entry.ts';
import type { IntegrityVerdict, Report } from '../core/tlog/verify-report.ts';
import { tornFiles } from './verify-files.ts';

export type RecoveryVerdict = TornVerdict & { readonly status: 'pass' | 'incomplete' | 'fail' };

/** A prune that was cut short before its first removal is told of too. */
export function prunedOf(report: Report, { last, unfinished }: PruneState): Pick<Report, 'pruned'> {
  if (report.pruned !== undefined) return { pruned: report.pruned };
  if (last === undefined || !unfinished) return {};
  const { index, id, ts, from, to } = last;
  const prunes = [{ index, id, ts, from, to }];
  return { pruned: { status: 'pass', entries: 0, first: 0, prunes, unfinished } };
}

/** What was set aside from segments before `prunedTo` went, or may go, with them. */
export async function judgeRecovery(
  directory: string,
  watch: RecoveryWatch,
  published: boolean,
  prunedTo: number,
): Promise<RecoveryVerdict> {
  const torn = watch.judge(
    await tornFiles(directory, watch.told),
    (name) => Number.parseInt(name, 10) < prunedTo,
  );
  // What is published holds no torn files, so none can be missing there.
  const missing = published ? [] : torn.missing;
  const lacks = torn.unacknowledged.length > 0 ? 'incomplete' : 'pass';
  return { ...torn, missing, status: torn.altered.length + missing.length > 0 ? 'fail' : lacks };
}

/** Hash in the name of each stored policy document → hash of its bytes. */
export async function storedSnapshots({ objects }: LogReader): Promise<ReadonlyMap<string, string>> {
  const stored = new Map<string, string>();
  for (const name of await objects.list('policies/')) {
    const hash = /^policies\/([0-9a-f]{64})\.json$/.exec(name)?.[1];
    const bytes = hash === undefined ? undefined : await objects.get(name);
    if (hash !== undefined && bytes !== undefined) stored.set(hash, sha256Hex(bytes));
  }
  return stored;
}

/** With what is wrong with the files of segments. */
export function withSegments(
  integrity: IntegrityVerdict,
  wrong: readonly string[],
  firstLost: number | undefined,
): IntegrityVerdict {
  if (wrong.length === 0) return integrity;
  const notes = [...(integrity.note === undefined ? [] : [integrity.note]), ...wrong];
  const first = Math.min(
    firstLost ?? Number.POSITIVE_INFINITY,
    integrity.first_bad ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...integrity,
    status: 'fail',
    ...(Number.isFinite(first) ? { first_bad: first } : {}),
    note: notes.join('; '),
  };
}
