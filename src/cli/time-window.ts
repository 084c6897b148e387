/**
 * When an entry was there, as others than this log can show it: the one place that commands ask. Anchors and witnesses
 * of the log answer here; without any there is no window, and the entry's own `ts` is the recorder's word only.
 */
import type { OpenedReader } from '../reader.ts';

/** Times in milliseconds since 1970, each with who vouches for it. Either side may be open. */
export interface TimeWindow {
  readonly not_before?: { readonly at: number; readonly by: string };
  readonly not_after?: { readonly at: number; readonly by: string };
}

/** `undefined`: nothing outside of the log tells. */
export async function provenWindow(
  _opened: OpenedReader,
  _entry: { readonly index: number },
): Promise<TimeWindow | undefined> {
  return undefined;
}

export function windowText(window: TimeWindow | undefined): string {
  const side = (what: string, limit: TimeWindow['not_after']): string | undefined =>
    limit === undefined ? undefined : `${what} ${new Date(limit.at).toISOString()} (${limit.by})`;
  const sides = [side('not before', window?.not_before), side('not after', window?.not_after)];
  const told = sides.filter((part) => part !== undefined);
  return told.length === 0
    ? "nothing but the recorder's clock: no anchor or witness covers this checkpoint"
    : told.join(', ');
}
