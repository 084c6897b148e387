import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { parseSpan } from '../../span.ts';

const DAY_SECONDS = 86_400;

/** A span as whole days, begun ones counted. Throws USAGE. */
export function parseWindow(text: string): number {
  const days = Math.ceil(parseSpan(text) / DAY_SECONDS);
  if (days <= LIMITS.baselineDays) return days;
  throw new TallyError('USAGE', `a window of ${days} days is longer than ${LIMITS.baselineDays}`, {
    hint: 'what an agent did longer ago says little about now: try --window 90d',
  });
}

export type Now = { readonly spanMs: number; readonly text: string } | { readonly run: string };

/** What looks like a span is one; everything else is the id of a run. Throws USAGE. */
export function parseNow(text: string): Now {
  if (!/^\d+[a-z]?$/i.test(text)) return { run: text };
  const seconds = parseSpan(text);
  if (seconds <= LIMITS.baselineDays * DAY_SECONDS) return { spanMs: seconds * 1000, text };
  throw new TallyError('USAGE', `a present of ${text} is longer than ${LIMITS.baselineDays} days`, {
    hint: 'try --now 1h, --now 1d, or the id of a run',
  });
}
