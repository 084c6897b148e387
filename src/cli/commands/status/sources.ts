/** What each source told of late, and what of it is missing: the newest part of the log, judged as `tally verify` does. */
import { LIMITS } from '../../../core/limits.ts';
import type { SourceFindings } from '../../../core/query/completeness/findings.ts';
import { judgeCompleteness } from '../../../core/query/completeness.ts';
import { parseLine } from '../../../core/query/line.ts';
import { type BackwardBlock, readBackwards } from '../../../store/file/backwards.ts';

export interface SourcesStatus {
  /** Entries that were looked at, the newest of the log. */
  readonly entries: number;
  /** They are all there are. */
  readonly all: boolean;
  readonly sources: readonly SourceFindings[];
}

function linesOf({ bytes, bounds }: Pick<BackwardBlock, 'bytes' | 'bounds'>): Buffer[] {
  const lines: Buffer[] = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) lines.push(bytes.subarray(bounds[i], bounds[i + 1]));
  return lines;
}

/** `alive`: a recorder runs, so what has no end may be open. Costs some tenth of a second at most. */
export async function sourcesStatus(directory: string, alive: boolean): Promise<SourcesStatus> {
  const lines: Buffer[] = [];
  let all = true;
  for await (const block of (await readBackwards(directory)).blocks()) {
    const own = linesOf(block);
    const room = LIMITS.statusEntries - lines.length;
    if (own.length > room) all = false;
    lines.unshift(...own.slice(Math.max(0, own.length - room)));
    if (!all || lines.length >= LIMITS.statusEntries) break;
  }
  const entries = lines.flatMap((line) => {
    const parsed = parseLine(line);
    return 'entry' in parsed ? [parsed.entry] : [];
  });
  // Of what began before them nothing is missing here: `tally verify` says what is.
  const first = Number(entries[0]?.index ?? 0);
  const judge = judgeCompleteness({ first });
  for (const entry of entries) judge.see(entry);
  return { entries: entries.length, all: all && first === 0, sources: judge.finish(alive).sources };
}
