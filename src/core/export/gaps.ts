/** What a `log.gap` entry says of a time in which nothing could be written, as a manifest repeats it. */
import type { JsonObject } from '../json.ts';
import { numberAt, textAt } from '../query/fields.ts';
import type { BundleManifest } from './manifest.ts';

export type ListedGap = BundleManifest['gaps']['log_gap'][number];

export const GAP_TYPE = 'log.gap';

export function gapOf(index: number, entry: JsonObject | undefined): ListedGap {
  const [from, to] = [textAt(entry, 'metadata', 'from'), textAt(entry, 'metadata', 'to')];
  const count = numberAt(entry, 'metadata', 'count');
  return {
    index,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(count === undefined || !Number.isSafeInteger(count) || count < 0 ? {} : { count }),
  };
}
