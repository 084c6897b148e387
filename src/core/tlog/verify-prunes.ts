/** Whether what is missing at the front of a log was pruned: named by entries of the log itself, under its signature. */
import { decodeHex, encodeUtf8, equalBytes } from '../bytes.ts';
import { type Carried, parseCarried } from '../retention/carried.ts';
import { foldPrunes, type PruneState } from '../retention/prune-entry.ts';
import { leafHash } from './tree.ts';
import type { EntriesResult } from './verify-entries.ts';
import { leadsTo } from './verify-pruned.ts';
import { LISTED, type MissingEntries, type PrunedVerdict } from './verify-report.ts';

export interface Pruned {
  readonly verdict: PrunedVerdict;
  /** Entries that are gone and that no prune names. Empty when `from` is `to`. */
  readonly unnamed: MissingEntries;
  /** What is wrong with the tiles that are all there is of the pruned entries. */
  readonly wrong: string | undefined;
  readonly carried: Carried | undefined;
}

/** undefined for a log from whose front nothing is missing. */
export async function lookAtPruned(
  result: EntriesResult,
  signedSize: number,
  { carried: get }: { carried?(sha256: string): Promise<Uint8Array | undefined> },
): Promise<Pruned | undefined> {
  const { first, pruned: part } = result;
  if (first === 0 || part === undefined) return undefined;
  const fold = foldPrunes();
  for (const note of result.prunes) fold.see(note);
  const state = fold.state(signedSize);
  const { last } = state;
  const named = Math.min(last?.to ?? 0, first);
  const carried = last === undefined ? undefined : parseCarried(await get?.(last.carried), last.carried);
  const wrong = wrongTiles(result, last);
  const lacks =
    last !== undefined && carried === undefined
      ? `what entry ${last.index} carries on from the pruned entries is gone, or is another one`
      : undefined;
  return {
    verdict: verdictOf(first, state, named < first, lacks),
    unnamed: { from: named, to: first },
    wrong,
    carried,
  };
}

function verdictOf(
  first: number,
  { held, unfinished }: PruneState,
  unnamed: boolean,
  note: string | undefined,
): PrunedVerdict {
  return {
    // Integrity names what is missing; a check mark beside it would contradict that.
    status: unnamed || note !== undefined ? 'fail' : 'pass',
    entries: first,
    first,
    prunes: held
      .toReversed()
      .slice(0, LISTED)
      .map(({ index, id, ts, from, to, by }) => ({
        index,
        id,
        ts,
        from,
        to,
        ...(by === undefined ? {} : { by }),
      })),
    ...(unfinished ? { unfinished } : {}),
    ...(note === undefined ? {} : { note }),
  };
}

function wrongTiles({ pruned: part }: EntriesResult, last: PruneState['last']): string | undefined {
  if (part === undefined) return undefined;
  const [lost] = part.lost;
  if (lost !== undefined) {
    const more = part.lost_count > 1 ? ` and ${part.lost_count - 1} more` : '';
    return `hash tile ${lost} of level 0${more} is gone: nothing else holds the leaf hashes of those pruned entries`;
  }
  const root = last?.root === undefined ? undefined : decodeHex(last.root);
  return last !== undefined && leadsTo(part, last.to, root) === false
    ? `the hash tiles of the ${last.to} pruned entries are not those that entry ${last.index} saw`
    : undefined;
}

/** With the carried entries that were asked for, each held against its leaf hash in the tiles. */
export function withCarried(result: EntriesResult, pruned: Pruned | undefined): EntriesResult {
  const { leaves } = result.pruned ?? {};
  if (leaves === undefined || pruned?.carried === undefined) return result;
  const kept = new Map(result.kept);
  for (const { index, entry } of pruned.carried.entries) {
    const leaf = leaves.get(index);
    const bytes = encodeUtf8(entry);
    if (leaf !== undefined && equalBytes(leafHash(bytes), leaf)) kept.set(index, bytes);
  }
  return { ...result, kept };
}
