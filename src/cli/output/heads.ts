/** Heads that a log does not fit: an anchor holds one for each hour, and all say the same. */
import type { HeadVerdict } from '../../core/tlog/verify-report.ts';
import { grouped } from './progress.ts';
import { safe } from './safe.ts';

const SHOWN = 3;

/** One line a head; of many from one place with the same complaint the first ones, and how many there are. */
export function headTexts(heads: readonly HeadVerdict[]): readonly string[] {
  const alike = Map.groupBy(
    heads.filter(({ status }) => status !== 'pass'),
    (head) => `${placeOf(head)} ${(head.note ?? '').replace(/\d+/g, '#')}`,
  );
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    // One line that says "1 more" is no shorter than the one it stands for.
    if (first === undefined || group.length <= SHOWN + 1) return group.map(headText);
    const rest = `… and ${grouped(group.length - SHOWN)} more of ${placeOf(first)} that say the same`;
    return [...group.slice(0, SHOWN).map(headText), safe(rest)];
  });
}

function placeOf({ name, ground }: HeadVerdict): string {
  const at = name?.lastIndexOf('/') ?? -1;
  return name === undefined || at === -1 ? ground : name.slice(0, at);
}

function headText({ name, ground, note, size }: HeadVerdict): string {
  const what = size === undefined ? '' : ` of ${grouped(size)} entries`;
  return safe(`${name ?? ground}${what}: ${note ?? ''}`);
}
