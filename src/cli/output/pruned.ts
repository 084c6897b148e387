import type { PrunedVerdict } from '../../core/tlog/verify-report.ts';
import { few } from './few.ts';
import { grouped } from './progress.ts';
import { safe } from './safe.ts';

/** What is gone, who says so, and what nobody can check any more. */
export function prunedText({ entries, prunes, unfinished, note }: PrunedVerdict): string {
  const last = prunes[0];
  const by = prunes.map(({ index }) => `entry ${index}`);
  const parts = [
    entries === 0
      ? undefined
      : last === undefined
        ? `${grouped(entries)} entries are gone, and no entry says that they were pruned`
        : last.to < entries
          ? `${grouped(entries)} entries are gone, and only the first ${grouped(last.to)} of them are named as pruned, by ${few(by, by.length)}`
          : `${grouped(entries)} entries (0–${entries - 1}) were removed, named by ${few(by, by.length)}; their hashes are kept and checked, what they said and their payloads cannot be checked any more`,
    unfinished === true && last !== undefined
      ? `entry ${last.index} began to remove those before ${last.to} and is not done: the next start of the recorder goes on`
      : undefined,
    note === undefined ? undefined : safe(note),
  ].filter((part) => part !== undefined);
  return parts.join('; ');
}
