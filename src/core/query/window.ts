/**
 * Between which times an entry was written, as far as somebody outside signed a time. Pure: receipts come in verified.
 *
 *     not after    a time stamp on a checkpoint that contains the entry
 *     not before   an entry before it that names the hash of a time stamp, and so came after that
 *
 * The entry's own `ts` is the clock of the machine that wrote it, and proves nothing.
 */
import type { AnchorEntry } from './anchored.ts';

/** A receipt that was verified for this very call, with the time that somebody signed. */
export interface TimedReceipt {
  readonly anchor: string;
  readonly type: string;
  readonly time: string;
  /** Of the checkpoint: it contains the entries below. */
  readonly size: number;
  readonly receipt: string;
  readonly receipt_sha256: string;
  readonly checkpoint_sha256: string;
}

export interface TimeBound {
  readonly time: string;
  readonly anchor: string;
  readonly type: string;
  /** In the directory of the anchor's receipts. */
  readonly receipt: string;
  /** Of the checkpoint that was signed. */
  readonly size: number;
  /** Of a lower bound: the entry that names the receipt. */
  readonly entry?: number;
}

export interface TimeWindow {
  readonly not_before?: TimeBound;
  readonly not_after?: TimeBound;
  /** The two contradict each other: one of the clocks outside was wrong. */
  readonly contradiction?: true;
  /** The search for these ended at a limit (`LIMITS.window…`): there may be a closer bound, or one at all. */
  readonly stopped?: readonly ('not_before' | 'not_after')[];
}

/** `entries`: `anchor.ok` entries whose place was proved. */
export function timeWindow(
  index: number,
  receipts: readonly TimedReceipt[],
  entries: readonly AnchorEntry[],
): TimeWindow {
  const after = receipts
    .filter(({ size }) => size > index)
    .map((receipt) => boundOf(receipt))
    .sort(byTime)[0];
  const before = entries
    .filter((entry) => entry.index < index)
    .flatMap((entry) =>
      receipts.filter((receipt) => names(entry, receipt)).map((one) => boundOf(one, entry.index)),
    )
    .sort(byTime)
    .at(-1);
  const contradicts = after !== undefined && before !== undefined && byTime(before, after) > 0;
  return {
    ...(before === undefined ? {} : { not_before: before }),
    ...(after === undefined ? {} : { not_after: after }),
    ...(contradicts ? { contradiction: true } : {}),
  };
}

function names(entry: AnchorEntry, receipt: TimedReceipt): boolean {
  return (
    entry.anchor === receipt.anchor &&
    entry.receipt_sha256 === receipt.receipt_sha256 &&
    entry.checkpoint_sha256 === receipt.checkpoint_sha256
  );
}

function boundOf({ time, anchor, type, receipt, size }: TimedReceipt, entry?: number): TimeBound {
  return { time, anchor, type, receipt, size, ...(entry === undefined ? {} : { entry }) };
}

/** All are RFC 3339 in UTC, some without milliseconds. */
function byTime(a: TimeBound, b: TimeBound): number {
  return Date.parse(a.time) - Date.parse(b.time);
}
