/** The proven time window of an entry, in words that promise no more than was checked. */
import type { TimeBound, TimeWindow } from '../../../core/query/window.ts';
import { safe } from '../../output/safe.ts';
import { formatTime, type Zone } from '../../output/time.ts';
import type { Line } from './show-lines.ts';

export function windowLines(window: TimeWindow, zone: Zone): Line[] {
  const { not_before, not_after, contradiction } = window;
  if (not_before === undefined && not_after === undefined)
    return [['window', 'no proven window; by the machine’s own clock only']];
  const at = ({ time, anchor, type }: TimeBound): string =>
    `${formatTime(time, zone)} (${safe(type)} ${safe(anchor)})`;
  const told = [
    not_before === undefined
      ? 'not before: not proven'
      : `not before ${at(not_before)}, named by entry ${not_before.entry}`,
    not_after === undefined
      ? 'not after: not proven'
      : `not after ${at(not_after)}, over ${not_after.size} entries`,
  ].join('; ');
  return [
    [
      'window',
      contradiction === true ? `${told}; the two contradict each other: a clock outside was wrong` : told,
    ],
  ];
}
