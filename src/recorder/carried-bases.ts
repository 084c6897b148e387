/** Where the folding of a pruned log begins: what its prunes carried on. */
import { TallyError } from '../core/error.ts';
import { parseRegistry, type Saved } from '../core/identity/saved.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCarried } from '../core/retention/carried.ts';

export interface Base {
  /** In the name of the object, and of its bytes. */
  readonly sha256: string;
  readonly saved: Saved;
}

/** What prunes carried on, of those that reach as far as entry `first`; the one that reaches furthest first. */
export async function carriedBases(log: LogReader, first: number): Promise<Base[]> {
  if (first === 0) return [];
  const bases: Base[] = [];
  for (const name of await log.objects.list('pruned/')) {
    const sha256 = /^pruned\/([0-9a-f]{64})\.json$/.exec(name)?.[1];
    const carried = sha256 === undefined ? undefined : parseCarried(await log.objects.get(name), sha256);
    const saved = carried === undefined ? undefined : parseRegistry(carried.registry, { carried: true });
    if (sha256 !== undefined && saved !== undefined && saved.state.size >= first)
      bases.push({ sha256, saved });
  }
  return bases.sort((a, b) => b.saved.state.size - a.saved.state.size);
}

export function nothingCarried(first: number): TallyError {
  return new TallyError(
    'LOG_DAMAGED',
    `the log begins at entry ${first}, and what its pruning carried on is gone or is another one`,
    {
      hint: 'restore logs/<log>/pruned from a backup; `tally verify` tells what else is missing. After an honest loss, `tally log continue --reason …` starts a new log that cites this one',
      details: { index: first },
    },
  );
}
