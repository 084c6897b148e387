/** What entries say about receipts of anchors: each names one by its hash, and so came after it. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { numberAt, textAt } from './fields.ts';

export const ANCHOR_OK = 'anchor.ok';

export interface AnchorEntry {
  readonly index: number;
  readonly anchor: string;
  readonly type: string;
  /** Of the checkpoint that was shown. */
  readonly size: number;
  /** `<size>.<suffix>` in the directory of the anchor's receipts. */
  readonly receipt: string;
  readonly receipt_sha256: string;
  readonly checkpoint_sha256: string;
}

/** Undefined for any other entry, and for one that lacks a part. */
export function readAnchorEntry(entry: JsonObject): AnchorEntry | undefined {
  if (textAt(entry, 'type') !== ANCHOR_OK) return undefined;
  const index = numberAt(entry, 'index');
  const size = numberAt(entry, 'metadata', 'size');
  const text = (name: string): string => textAt(entry, 'metadata', name) ?? '';
  const told = {
    anchor: text('anchor'),
    type: text('type'),
    receipt: text('receipt'),
    receipt_sha256: text('receipt_sha256'),
    checkpoint_sha256: text('checkpoint_sha256'),
  };
  if (!isPlace(index) || !isPlace(size) || Object.values(told).includes('')) return undefined;
  return { index, size, ...told };
}

function isPlace(n: number | undefined): n is number {
  return n !== undefined && Number.isSafeInteger(n) && n >= 0;
}

export interface AnchorWatch {
  see(entry: JsonObject): void;
  /** In the order of the log. */
  readonly entries: readonly AnchorEntry[];
  /** Further ones that are not in the list. */
  more(): number;
}

export function watchAnchors(): AnchorWatch {
  const entries: AnchorEntry[] = [];
  let more = 0;
  return {
    entries,
    see(entry) {
      const told = readAnchorEntry(entry);
      if (told === undefined) return;
      if (entries.length < LIMITS.anchorEntries) entries.push(told);
      else more++;
    },
    more: () => more,
  };
}
