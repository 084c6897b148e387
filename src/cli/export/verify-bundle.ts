/**
 * `tally verify DIR` for a bundle: its files, a public key, and nothing else. Separate verdicts, as of a whole log.
 */
import { createHash } from 'node:crypto';
import { decodeBase64, equalBytes } from '../../core/bytes.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import {
  type BundleManifest,
  CHECKPOINT,
  ENTRIES,
  MANIFEST,
  parseManifest,
} from '../../core/export/manifest.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { parseNote } from '../../core/tlog/note.ts';
import type { SignaturesVerdict, Status } from '../../core/tlog/verify-report.ts';
import { attempt } from '../../core/tlog/verify-signed.ts';
import { fileObjects } from '../../store/file/objects.ts';
import type { Context } from '../context.ts';
import { isSnapshotHash, snapshotName } from '../snapshot.ts';
import { readEntries, type Seen } from './bundle-entries.ts';
import { judgeSignatures, type KeyRequest, keysFor } from './bundle-keys.ts';

export interface BundleVerdict {
  readonly status: Status;
  readonly note?: string;
}

export interface BundleReport {
  readonly bundle: true;
  readonly exit_code: 0 | 2 | 6;
  readonly origin: string | null;
  readonly key: { readonly vkey: string; readonly ground: 'given' | 'pinned' } | null;
  /** Every entry is the one that was signed at its index. */
  readonly integrity: BundleVerdict & { readonly entries: number; readonly first_bad?: number };
  readonly signatures: SignaturesVerdict;
  /** Policy snapshots that its entries cite. */
  readonly snapshots: BundleVerdict & {
    readonly altered: readonly string[];
    readonly missing: readonly string[];
  };
  /** Counts, range and hashes of the files. */
  readonly manifest: BundleVerdict;
  /** Whether something that matches was left out: shown for a bundle of everything only. */
  readonly completeness: BundleVerdict;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly range: BundleManifest['range'] | null;
  readonly gaps: BundleManifest['gaps'] | null;
}

type Files = Pick<ObjectStore, 'get' | 'list'>;

export interface BundleRequest extends KeyRequest {
  readonly onProgress?: (entries: number, total: number) => void;
}

/** Ends on any files. An answer, not an exception; throws `KEY_MALFORMED` for a given key that is none. */
export async function verifyBundleAt(
  context: Context,
  directory: string,
  request: BundleRequest,
): Promise<BundleReport> {
  const files = fileObjects(directory);
  const manifest = await readManifest(files);
  if (manifest instanceof TallyError) return unreadable(manifest.message);
  const note = await files.get(CHECKPOINT);
  const checkpoint = note === undefined ? undefined : attempt(() => parseCheckpoint(parseNote(note).text));
  if (note === undefined || checkpoint === undefined)
    return unreadable('there is no checkpoint that parses', manifest);
  const keys = await keysFor(context, checkpoint.origin, request);
  const signatures = await judgeSignatures(files, note, checkpoint, manifest, keys?.vkeys ?? []);
  const seen = await readEntries(directory, files, checkpoint, (done) =>
    request.onProgress?.(done, manifest.counts.entries),
  );
  const snapshots = await judgeSnapshots(files, seen.cited);
  const problems = [...(await manifestProblems(files, manifest, checkpoint, seen)), ...seen.problems];
  const integrity = judgeIntegrity(seen, signatures.status, request.keys.length > 0 || keys !== undefined);
  const report: Omit<BundleReport, 'exit_code'> = {
    bundle: true,
    origin: checkpoint.origin,
    key: keys === undefined ? null : { vkey: keys.vkeys[0] ?? '', ground: keys.ground },
    integrity,
    signatures,
    snapshots,
    manifest:
      problems.length === 0 ? { status: 'pass' } : { status: 'fail', note: problems.slice(0, 3).join('; ') },
    completeness: judgeCompleteness(manifest, seen, integrity.status),
    filter: manifest.filter,
    range: manifest.range,
    gaps: manifest.gaps,
  };
  return { ...report, exit_code: exitCode(report) };
}

async function readManifest(files: Files): Promise<BundleManifest | TallyError> {
  const bytes = (await files.get(MANIFEST)) ?? new Uint8Array(0);
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (isTallyError(error) && error.code === 'PROOF_INVALID') return error;
    throw error;
  }
}

function unreadable(why: string, manifest?: BundleManifest): BundleReport {
  const nothing = { status: 'incomplete', note: 'nothing was looked at' } as const;
  return {
    bundle: true,
    exit_code: 6,
    origin: null,
    key: null,
    integrity: { ...nothing, entries: 0 },
    signatures: { status: 'incomplete', signed_by: [], note: 'there is no checkpoint to look at' },
    snapshots: { ...nothing, altered: [], missing: [] },
    manifest: { status: 'fail', note: why },
    completeness: { status: 'neutral', note: 'nothing was looked at' },
    filter: manifest?.filter ?? {},
    range: manifest?.range ?? null,
    gaps: manifest?.gaps ?? null,
  };
}

function judgeIntegrity(seen: Seen, signed: Status, known: boolean): BundleReport['integrity'] {
  const { entries, bad } = seen;
  if (bad !== undefined)
    return {
      status: 'fail',
      entries,
      ...(bad.index === undefined ? {} : { first_bad: bad.index }),
      note: bad.why,
    };
  if (signed === 'pass') return { status: 'pass', entries };
  const why = known ? 'no signature over that root holds' : 'no known key signed that root';
  return { status: 'incomplete', entries, note: `every entry leads to a root, but ${why}` };
}

async function judgeSnapshots(files: Files, cited: ReadonlySet<string>): Promise<BundleReport['snapshots']> {
  const altered: string[] = [];
  const missing: string[] = [];
  for (const hash of cited) {
    const bytes = isSnapshotHash(hash) ? await files.get(snapshotName(hash)) : undefined;
    if (bytes === undefined) missing.push(hash);
    else if (createHash('sha256').update(bytes).digest('hex') !== hash) altered.push(hash);
  }
  if (altered.length > 0)
    return { status: 'fail', altered, missing, note: `altered: ${altered.slice(0, 3).join(', ')}` };
  if (missing.length > 0)
    return {
      status: 'incomplete',
      altered,
      missing,
      note: `cited and not in the bundle: ${missing.slice(0, 3).join(', ')}`,
    };
  return { status: 'pass', altered, missing };
}

const NAMED =
  /^(?:entries\.jsonl|checkpoint|keys\/[1-9]\d{0,15}\.(?:note|tlog-proof)|policies\/[0-9a-f]{64}\.json)$/;

async function manifestProblems(
  files: Files,
  manifest: BundleManifest,
  checkpoint: Checkpoint,
  seen: Seen,
): Promise<string[]> {
  const problems: string[] = [];
  const differs = (what: string, said: unknown, found: unknown): void => {
    if (said !== found) problems.push(`it says ${what} ${String(said)}, and there is ${String(found)}`);
  };
  differs('origin', manifest.origin, checkpoint.origin);
  differs('size', manifest.checkpoint.size, checkpoint.size);
  if (!equalBytes(decodeBase64(manifest.checkpoint.root) ?? new Uint8Array(0), checkpoint.root))
    problems.push('it names another root than the checkpoint');
  differs('entries', manifest.counts.entries, seen.entries);
  differs('first entry', manifest.range.first?.index, seen.first);
  differs('last entry', manifest.range.last?.index, seen.last);
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    if (!NAMED.test(name))
      problems.push(`it names ${JSON.stringify(name.slice(0, 80))}, which no bundle has`);
    else if (name === ENTRIES) {
      if (bytes !== seen.bytes || sha256 !== seen.sha256) problems.push(`${name} is not the one it names`);
    } else {
      const content = await files.get(name);
      if (content === undefined) problems.push(`${name} is missing`);
      else if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256)
        problems.push(`${name} is not the one it names`);
    }
  }
  for (const name of [ENTRIES, CHECKPOINT])
    if (manifest.files[name] === undefined) problems.push(`it does not name ${name}`);
  return problems;
}

/** What a part of a log can never show is said, not passed over. */
function judgeCompleteness(manifest: BundleManifest, seen: Seen, integrity: Status): BundleVerdict {
  const everything = Object.keys(manifest.filter).length === 0;
  if (!everything)
    return {
      status: 'neutral',
      note: 'an export by a filter cannot show that nothing that matches was left out: that is the word of whoever exported',
    };
  const { size } = manifest.checkpoint;
  const wanted = Math.min(manifest.range.size, size);
  if (!seen.contiguous || seen.entries !== wanted || (wanted > 0 && seen.first !== 0))
    return { status: 'incomplete', note: 'it is said to be everything, and entries are missing from it' };
  if (integrity !== 'pass')
    return { status: 'incomplete', note: 'all indexes are there, but not all is proved' };
  const later = size > wanted ? `; the checkpoint covers ${size - wanted} more, which came later` : '';
  return { status: 'pass', note: `the first ${wanted} entries of the log are all in it${later}` };
}

function exitCode({
  integrity,
  signatures,
  snapshots,
  manifest,
}: Pick<BundleReport, 'integrity' | 'signatures' | 'snapshots' | 'manifest'>): 0 | 2 | 6 {
  const decisive = [integrity.status, signatures.status, snapshots.status, manifest.status];
  if (decisive.includes('fail')) return 6;
  return integrity.status === 'pass' && signatures.status === 'pass' ? 0 : 2;
}
