/**
 * What anchors prove about a log that was verified: how many of its first entries were there by what time. Pure: receipts
 * come in checked, and whether their checkpoints belong to this log was judged with all other heads.
 *
 * Never decisive by itself: what an anchor holds against the log is a head that does not fit, and fails append-only. A
 * receipt that is gone proves nothing against the entries; it is named, because somebody may have wanted it gone.
 */
import type { AnchorEntry } from '../query/anchored.ts';
import type { CosignatureVerifier } from './cosignature.ts';
import { type QuorumPolicy, witnessOf } from './quorum.ts';
import {
  type AnchoredVerdict,
  type AnchorVerdict,
  type AppendOnlyVerdict,
  type HeadVerdict,
  LISTED,
  type LostReceipt,
  type QuorumVerdict,
} from './verify-report.ts';

/** One receipt on disk, looked at for this very call. */
export interface CheckedReceipt {
  readonly anchor: string;
  /** As configured, or as the receipt looks. */
  readonly type: string;
  readonly size: number;
  /** `<size>.<suffix>`. */
  readonly receipt: string;
  readonly receipt_sha256: string;
  readonly checkpoint_sha256: string;
  /** Name of its checkpoint among the heads. */
  readonly head: string;
  /**
   * `verified`: what came back is what it claims to be. `unverified`: nothing on this machine can tell (no certificate or
   * key is configured). `invalid`: it is not.
   */
  readonly status: 'verified' | 'unverified' | 'invalid';
  /** RFC 3339; only of a verified one on which somebody signed a time. */
  readonly time?: string;
  /** Of a witness: its public key, by which the quorum tells whose it is. */
  readonly witness?: string;
  readonly why?: string;
}

export interface AnchorEvidence {
  readonly configured: readonly { readonly name: string; readonly type: string }[];
  readonly receipts: readonly CheckedReceipt[];
  /** Names of all receipts whose checkpoint is there too, `<anchor>/<size>.<suffix>`; there may be more than were checked. */
  readonly files: ReadonlySet<string>;
  /** Configured anchors that could not be read back, and why. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
  /** What else has to be said: that only the newest were looked at. */
  readonly notes: readonly string[];
  /** What is configured; receipts of other witnesses do not count for it. */
  readonly quorum?: QuorumPolicy;
}

export interface Judged {
  readonly evidence: AnchorEvidence;
  /** `anchor.ok` entries below `signed`. */
  readonly entries: readonly AnchorEntry[];
  readonly heads: readonly HeadVerdict[];
  /** Size of the checkpoint that was verified. */
  readonly signed: number;
}

export function judgeAnchors({ evidence, entries, heads, signed }: Judged): AnchoredVerdict {
  const holds = new Set(heads.filter(({ status }) => status === 'pass').map(({ name }) => name));
  const counting = evidence.receipts.filter(({ status, head }) => status !== 'invalid' && holds.has(head));
  const names = new Map(evidence.receipts.map(({ anchor, type }) => [anchor, type]));
  for (const { name, type } of evidence.configured) names.set(name, type);
  const against = new Map(
    heads
      .filter(({ status }) => status === 'fail')
      .map((head) => [head.name, head.note ?? 'it does not fit']),
  );
  const newer = new Set(heads.filter(({ status }) => status === 'neutral').map(({ name }) => name));
  const anchors = [...names].map(([name, type]) =>
    judgeOne({ name, type, evidence, counting, against, newer, signed }),
  );
  const lost = lostReceipts(evidence, entries, signed);
  const quorum = judgeQuorumOf(evidence.quorum, counting);
  if (names.size === 0 && lost.length === 0)
    return { status: 'neutral', note: ['no anchor is configured', ...evidence.notes].join('; ') };

  const missing = anchors.filter(({ configured, status }) => configured && status !== 'pass');
  const short = quorum !== undefined && quorum.have < quorum.needed;
  const complete = missing.length === 0 && lost.length === 0 && !short;
  const any = anchors.some(({ status }) => status === 'pass');
  return {
    status: !complete ? 'incomplete' : evidence.configured.length > 0 && any ? 'pass' : 'neutral',
    note: [
      ...(short ? [`${quorum.have} of ${quorum.needed} witnesses cosigned`] : []),
      ...(lost.length > 0 ? [lostNote(lost)] : []),
      ...anchors.map(noteOf),
      ...evidence.notes,
    ].join('; '),
    anchors,
    ...(quorum === undefined ? {} : { quorum }),
    ...(lost.length === 0 ? {} : { lost: lost.slice(0, LISTED), lost_count: lost.length }),
  };
}

function judgeOne({
  name,
  type,
  evidence,
  counting,
  against,
  newer,
  signed,
}: {
  readonly name: string;
  readonly type: string;
  readonly evidence: AnchorEvidence;
  readonly counting: readonly CheckedReceipt[];
  /** Names of heads that the log does not continue, and why. */
  readonly against: ReadonlyMap<string | undefined, string>;
  /** Names of heads that a published copy does not reach. */
  readonly newer: ReadonlySet<string | undefined>;
  readonly signed: number;
}): AnchorVerdict {
  const configured = evidence.configured.some((one) => one.name === name);
  const about = { name, type, configured };
  const unreadable = evidence.unreadable.find((one) => one.name === name)?.why;
  const newest = (list: readonly CheckedReceipt[]): CheckedReceipt | undefined =>
    list.reduce<CheckedReceipt | undefined>(
      (most, one) => (one.size > (most?.size ?? -1) ? one : most),
      undefined,
    );
  const own = counting.filter(({ anchor }) => anchor === name);
  const best = newest(own.filter(({ status }) => status === 'verified'));
  // What it says of other checkpoints is no comfort: this log is not the one that it was shown.
  const conflict = evidence.receipts.find(({ anchor, head }) => anchor === name && against.has(head));
  if (best !== undefined && unreadable === undefined && conflict === undefined) {
    return {
      ...about,
      status: 'pass',
      size: best.size,
      behind: Math.max(0, signed - best.size),
      ...(best.time === undefined ? {} : { not_after: best.time }),
    };
  }
  const ahead = newest(evidence.receipts.filter(({ anchor, head }) => anchor === name && newer.has(head)));
  const other = newest(own) ?? newest(evidence.receipts.filter(({ anchor }) => anchor === name));
  const why =
    conflict !== undefined
      ? `it holds a checkpoint of ${conflict.size} entries against this log: ${against.get(conflict.head)}`
      : unreadable === undefined
        ? ahead !== undefined && other?.why === undefined
          ? `what it holds is newer than this copy: ${ahead.size} entries`
          : (other?.why ?? 'it holds nothing of this log')
        : `it cannot be read: ${unreadable}`;
  return { ...about, status: 'incomplete', ...(best === undefined ? {} : { size: best.size }), note: why };
}

function noteOf({ name, status, size, behind, not_after, note }: AnchorVerdict): string {
  if (status !== 'pass') return `${name}: ${note ?? 'nothing'}`;
  const lag = behind === 0 ? '' : `, ${behind} after`;
  return not_after === undefined
    ? `${name}: holds the first ${size} entries${lag}, no time`
    : `${name}: the first ${size} entries not later than ${not_after}${lag}`;
}

function lostReceipts(
  { receipts, files }: AnchorEvidence,
  entries: readonly AnchorEntry[],
  signed: number,
): readonly LostReceipt[] {
  const known = new Map(receipts.map((one) => [`${one.anchor}/${one.receipt}`, one]));
  return entries.flatMap((entry): LostReceipt[] => {
    if (entry.index >= signed) return [];
    const name = `${entry.anchor}/${entry.receipt}`;
    if (!files.has(name)) return [{ entry: entry.index, receipt: name, why: 'gone' }];
    const found = known.get(name);
    const same =
      found === undefined ||
      (found.receipt_sha256 === entry.receipt_sha256 && found.checkpoint_sha256 === entry.checkpoint_sha256);
    return same ? [] : [{ entry: entry.index, receipt: name, why: 'altered' }];
  });
}

function lostNote(lost: readonly LostReceipt[]): string {
  const [first] = lost;
  const named = first === undefined ? '' : `, first ${first.receipt}, ${first.why}, of entry ${first.entry}`;
  return `${lost.length} ${lost.length === 1 ? 'receipt was' : 'receipts were'} removed or altered${named}`;
}

/**
 * Different witnesses as the quorum tells them apart: by name and by public key, not by the anchor that has the receipt.
 * A witness that cosigned more entries has cosigned the first of them too, since each cosigned tree was found to be a
 * beginning of this log: so the quorum stands at the k-th largest size.
 */
function judgeQuorumOf(
  policy: QuorumPolicy | undefined,
  counting: readonly CheckedReceipt[],
): QuorumVerdict | undefined {
  if (policy === undefined) return undefined;
  const { needed } = policy;
  const sizes = new Map<readonly CosignatureVerifier[], number>();
  for (const { witness, size, status } of counting) {
    const keys = witness === undefined ? undefined : witnessOf(policy, witness);
    if (keys !== undefined && status === 'verified') sizes.set(keys, Math.max(size, sizes.get(keys) ?? 0));
  }
  const at = [...sizes.values()].sort((a, b) => b - a)[needed - 1];
  return { needed, have: sizes.size, ...(at === undefined ? {} : { size: at }) };
}

/** An anchor may have seen thousands of checkpoints: of those that fit, the report keeps the newest of each anchor. */
export function withoutRepeats(verdict: AppendOnlyVerdict): AppendOnlyVerdict {
  const newest = new Map<string, HeadVerdict>();
  const groupOf = (head: HeadVerdict): string => `${head.ground} ${head.name?.replace(/\/[^/]*$/, '') ?? ''}`;
  const repeats = ({ ground, status }: HeadVerdict): boolean =>
    status === 'pass' && (ground === 'anchor' || ground === 'witness');
  for (const head of verdict.heads.filter(repeats)) {
    if ((head.size ?? 0) >= (newest.get(groupOf(head))?.size ?? 0)) newest.set(groupOf(head), head);
  }
  const kept = new Set(newest.values());
  return { ...verdict, heads: verdict.heads.filter((head) => !repeats(head) || kept.has(head)) };
}
