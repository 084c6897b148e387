/** The proven time window of an entry, in words that promise no more than was checked. */
import { LIMITS } from '../../../core/limits.ts';
import type { TimeBound, TimeWindow } from '../../../core/query/window.ts';
import { safe } from '../../output/safe.ts';
import { formatTime, type Zone } from '../../output/time.ts';
import type { Line } from './show-lines.ts';

export function windowLines(window: TimeWindow, zone: Zone): Line[] {
  const { not_before, not_after, contradiction, stopped = [] } = window;
  if (not_before === undefined && not_after === undefined && stopped.length === 0)
    return [['window', 'no proven window; by the machine’s own clock only']];
  const at = ({ time, anchor, type }: TimeBound): string =>
    `${formatTime(time, zone)} (${safe(type)} ${safe(anchor)})`;
  const told = [
    not_before === undefined
      ? `not before: not proven${unsearched(stopped.includes('not_before'), LIMITS.windowEntries)}`
      : `not before ${at(not_before)}, named by entry ${not_before.entry}`,
    not_after === undefined
      ? `not after: not proven${unsearched(stopped.includes('not_after'), LIMITS.windowReceipts)}`
      : `not after ${at(not_after)}, over ${not_after.size} entries${stopped.includes('not_after') ? ' (an earlier one may be there: not all receipts were tried)' : ''}`,
  ].join('; ');
  return [
    [
      'window',
      contradiction === true ? `${told}; the two contradict each other: a clock outside was wrong` : told,
    ],
  ];
}

/** What was not looked at must not read as what is not there. */
function unsearched(stopped: boolean, tried: number): string {
  return stopped ? ` by the ${tried} receipts that were tried; there are more` : '';
}
