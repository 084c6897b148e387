/** What the manifest of a bundle says, held against what is in the bundle. Nobody signs it: what can be checked is. */
import { createHash } from 'node:crypto';
import { decodeBase64, equalBytes } from '../../core/bytes.ts';
import { createFilterCheck, type FilterFound } from '../../core/export/filter-check.ts';
import { readFilter } from '../../core/export/filter-said.ts';
import { GAP_TYPE, gapOf, type ListedGap } from '../../core/export/gaps.ts';
import { type BundleManifest, CHECKPOINT, ENTRIES } from '../../core/export/manifest.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ObjectStore } from '../../core/ports.ts';
import type { Hole } from '../../core/query/completeness/findings.ts';
import { judgeCompleteness } from '../../core/query/completeness.ts';
import { textAt } from '../../core/query/fields.ts';
import { foldPrunes, readPrune } from '../../core/retention/prune-entry.ts';
import type { Checkpoint } from '../../core/tlog/checkpoint.ts';
import type { Status } from '../../core/tlog/verify-report.ts';
import { snapshotName } from '../snapshot.ts';
import type { OnEntry, Seen } from './bundle-entries.ts';

interface Verdict {
  readonly status: Status;
  readonly note?: string;
}

/** What its entries tell of what the manifest tells too. */
export interface Found {
  /** undefined: the filter is one that this program does not know. */
  readonly filtered: FilterFound | undefined;
  /** Gaps and holes; of a bundle of everything only, any other may lack some. */
  readonly log:
    | { readonly gaps: readonly ListedGap[]; readonly count: number; readonly holes: readonly Hole[] }
    | undefined;
  /** Entries before this one were pruned, as signed entries say. */
  readonly pruned: number;
}

interface Watch {
  readonly see: OnEntry;
  /** `signed`: entries under the checkpoint. */
  finish(signed: number): Found;
}

const isEverything = ({ filter }: BundleManifest): boolean => Object.keys(filter).length === 0;

export function watchTold(manifest: BundleManifest): Watch {
  const filter = readFilter(manifest.filter);
  const check = filter === undefined ? undefined : createFilterCheck(filter);
  const judge = isEverything(manifest) ? judgeCompleteness({ first: manifest.range.begins ?? 0 }) : undefined;
  const prunes = foldPrunes();
  const gaps: ListedGap[] = [];
  let count = 0;
  return {
    see(entry, index, bytes) {
      check?.see(entry, bytes);
      judge?.see(entry);
      const prune = readPrune(entry);
      if (prune !== undefined) prunes.see(prune);
      if (textAt(entry, 'type') !== GAP_TYPE) return;
      count++;
      if (gaps.length < LIMITS.bundleGaps) gaps.push(gapOf(index, entry));
    },
    finish: (signed) => ({
      filtered: check?.finish(manifest.counts.unsigned > 0),
      log: judge === undefined ? undefined : { gaps, count, holes: judge.finish(undefined).holes },
      pruned: prunes.state(signed).last?.to ?? 0,
    }),
  };
}

export interface Told {
  readonly manifest: BundleManifest;
  readonly checkpoint: Checkpoint;
  readonly seen: Seen;
  readonly found: Found;
}

const NAMED =
  /^(?:entries\.jsonl|checkpoint|keys\/[1-9]\d{0,15}\.(?:note|tlog-proof)|policies\/[0-9a-f]{64}\.json)$/;

export async function manifestProblems(
  files: Pick<ObjectStore, 'get'>,
  told: Told,
): Promise<readonly string[]> {
  return [...saidOtherwise(told), ...(await fileProblems(files, told))];
}

function saidOtherwise({ manifest, checkpoint, seen, found }: Told): string[] {
  const problems: string[] = [];
  const differs = (what: string, said: unknown, there: unknown): void => {
    if (said === there) return;
    const says = said === undefined ? `it names no ${what}` : `it says ${what} ${String(said)}`;
    problems.push(`${says}, and there is ${there === undefined ? 'none' : String(there)}`);
  };
  const { range, counts, gaps } = manifest;
  differs('origin', manifest.origin, checkpoint.origin);
  differs('size', manifest.checkpoint.size, checkpoint.size);
  if (!equalBytes(decodeBase64(manifest.checkpoint.root) ?? new Uint8Array(0), checkpoint.root))
    problems.push('it names another root than the checkpoint');
  differs('entries', counts.entries, seen.entries);
  differs('first entry', range.first?.index, seen.first);
  differs('time of the first entry', range.first?.ts, seen.firstTs);
  differs('last entry', range.last?.index, seen.last);
  differs('time of the last entry', range.last?.ts, seen.lastTs);
  if (seen.last !== undefined && seen.last >= range.size)
    problems.push(`it says that ${range.size} entries were looked at, and entry ${seen.last} is there`);
  const uncovered = Math.max(0, range.size - checkpoint.size);
  if (counts.unsigned > uncovered)
    problems.push(
      `it says that ${counts.unsigned} entries were left out unsigned, and ${uncovered} are not under the checkpoint`,
    );
  const rows = found.filtered?.rows;
  // An end that was left out makes no row, and its beginning another one.
  if (rows !== undefined && counts.unsigned === 0) differs('rows', counts.rows, rows);
  if (found.log !== undefined) {
    differs('gaps', gaps.log_gap_count, found.log.count);
    if (JSON.stringify(gaps.log_gap) !== JSON.stringify(found.log.gaps))
      problems.push('it tells other gaps than its entries');
    if (holesText(gaps.holes ?? []) !== holesText(found.log.holes))
      problems.push('it tells other holes in the numbers of recorders than its entries');
  }
  return problems;
}

function holesText(holes: readonly Hole[]): string {
  return JSON.stringify(holes.map(({ recorder_id, from, to, before }) => [recorder_id, from, to, before]));
}

async function fileProblems(files: Pick<ObjectStore, 'get'>, { manifest, seen }: Told): Promise<string[]> {
  const problems: string[] = [];
  const needed = new Set([
    ENTRIES,
    CHECKPOINT,
    ...manifest.rotations.flatMap(({ size }) => [`keys/${size}.note`, `keys/${size}.tlog-proof`]),
  ]);
  let snapshots = 0;
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const cited = seen.citesMore || seen.cited.has(name.slice('policies/'.length, -'.json'.length));
    if (name.startsWith('policies/')) snapshots++;
    if (!NAMED.test(name))
      problems.push(`it names ${JSON.stringify(name.slice(0, 80))}, which no bundle has`);
    else if (name.startsWith('policies/') ? !cited : !needed.has(name))
      problems.push(`it names ${name}, which nothing in it needs`);
    else if (name === ENTRIES) {
      if (bytes !== seen.bytes || sha256 !== seen.sha256) problems.push(`${name} is not the one it names`);
    } else {
      const content = await files.get(name);
      if (content === undefined) problems.push(`${name} is missing`);
      else if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256)
        problems.push(`${name} is not the one it names`);
    }
  }
  for (const name of needed)
    if (manifest.files[name] === undefined) problems.push(`it does not name ${name}`);
  for (const hash of seen.cited)
    if (manifest.files[snapshotName(hash)] === undefined && (await files.get(nameOf(hash))) !== undefined)
      problems.push(`it does not name ${nameOf(hash)}`);
  if (snapshots !== manifest.counts.snapshots)
    problems.push(`it says snapshots ${manifest.counts.snapshots}, and names ${snapshots}`);
  return problems;
}

/** What an entry cites may be anything; only a hash becomes a name. */
function nameOf(cited: string): string {
  return NAMED.test(snapshotName(cited)) ? snapshotName(cited) : 'policies/none';
}

/** What was left out of a bundle shows nowhere; what was put into it does. */
export function judgeMatching({ filtered }: Found): Verdict {
  if (filtered === undefined)
    return { status: 'neutral', note: 'this program does not know that filter, so nobody looked' };
  const { strangers, first, unsure } = filtered;
  if (strangers > 0)
    return {
      status: 'fail',
      note: `${strangers} of its entries do not match the filter that it names, the first is entry ${first ?? '?'}`,
    };
  return unsure === 0
    ? { status: 'pass', note: 'every entry matches it, by itself or with the other half of its call' }
    : {
        status: 'neutral',
        note: `no entry is there that does not match it; of ${unsure} the other half of the call is not at hand`,
      };
}

/** What a part of a log can never show is said, not passed over. */
export function judgeWhole({ manifest, seen, found }: Told, integrity: Status): Verdict {
  if (!isEverything(manifest))
    return {
      status: 'neutral',
      note: 'an export by a filter cannot show that nothing that matches was left out: that is the word of whoever exported',
    };
  const { size } = manifest.checkpoint;
  const to = Math.min(manifest.range.size, size);
  const from = manifest.range.begins ?? 0;
  if (!seen.contiguous || seen.entries !== to - from || (to > from && seen.first !== from))
    return { status: 'fail', note: 'it is said to be everything, and entries are missing from it' };
  if (from > found.pruned)
    return {
      status: 'fail',
      note: `it begins at entry ${from}, and no entry in it says that those before were pruned`,
    };
  if (integrity !== 'pass')
    return { status: 'incomplete', note: 'all indexes are there, but not all is proved' };
  const what =
    from === 0
      ? `the first ${to} entries of the log are all in it`
      : `entries ${from} to ${to - 1} of the log are all in it; those before were pruned, as a signed entry says`;
  const later =
    size > to
      ? `; the checkpoint covers ${size - to} more, and that these came later is the word of whoever exported`
      : '';
  return { status: 'pass', note: `${what}${later}` };
}
