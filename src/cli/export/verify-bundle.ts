/**
 * `tally verify DIR` for a bundle: its files, a public key, and nothing else. Separate verdicts, as of a whole log.
 */
import { createHash } from 'node:crypto';
import { isTallyError, TallyError } from '../../core/error.ts';
import { type BundleManifest, CHECKPOINT, MANIFEST, parseManifest } from '../../core/export/manifest.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { parseNote } from '../../core/tlog/note.ts';
import type { SignaturesVerdict, Status } from '../../core/tlog/verify-report.ts';
import { attempt } from '../../core/tlog/verify-signed.ts';
import { fileObjects } from '../../store/file/objects.ts';
import type { Context } from '../context.ts';
import { isSnapshotHash, snapshotName } from '../snapshot.ts';
import { readEntries, type Seen } from './bundle-entries.ts';
import { judgeSignatures, type KeyRequest, keysFor } from './bundle-keys.ts';
import { judgeMatching, judgeWhole, manifestProblems, watchTold } from './bundle-manifest.ts';

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
  /** Every entry matches the filter that the manifest names. */
  readonly matching: BundleVerdict;
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
  const told = watchTold(manifest);
  const seen = await readEntries(directory, files, checkpoint, told.see, (done) =>
    request.onProgress?.(done, manifest.counts.entries),
  );
  const found = told.finish(checkpoint.size);
  const snapshots = await judgeSnapshots(files, seen);
  const problems = [
    ...(await manifestProblems(files, { manifest, checkpoint, seen, found })),
    ...seen.problems,
  ];
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
    matching: judgeMatching(found),
    completeness: judgeWhole({ manifest, checkpoint, seen, found }, integrity.status),
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
    matching: { status: 'neutral', note: 'nothing was looked at' },
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

async function judgeSnapshots(files: Files, { cited, citesMore }: Seen): Promise<BundleReport['snapshots']> {
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
  if (citesMore)
    return {
      status: 'incomplete',
      altered,
      missing,
      note: `its entries cite more than ${cited.size} policy snapshots: the others were not looked at`,
    };
  return { status: 'pass', altered, missing };
}

function exitCode({
  integrity,
  signatures,
  snapshots,
  manifest,
  matching,
  completeness,
}: Omit<BundleReport, 'exit_code'>): 0 | 2 | 6 {
  const all = [integrity, signatures, snapshots, manifest, matching, completeness];
  if (all.some(({ status }) => status === 'fail')) return 6;
  return integrity.status === 'pass' && signatures.status === 'pass' ? 0 : 2;
}
