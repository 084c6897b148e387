/** `tally log export --bundle`: entries with what proves them, for somebody who trusts nothing here but a key. */
import { join } from 'node:path';
import { encodeBase64, encodeUtf8 } from '../../core/bytes.ts';
import { asTallyError, TallyError } from '../../core/error.ts';
import { GAP_TYPE, gapOf, type ListedGap } from '../../core/export/gaps.ts';
import { inLogOrder } from '../../core/export/log-order.ts';
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  type BundleFile,
  type BundleManifest,
  CHECKPOINT,
  ENTRIES,
  MANIFEST,
} from '../../core/export/manifest.ts';
import { sha256Hex } from '../../core/hash.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { judgeCompleteness } from '../../core/query/completeness.ts';
import { textAt } from '../../core/query/fields.ts';
import type { LogFilter } from '../../core/query/filter.ts';
import type { OpenedQuery } from '../../open/query.ts';
import type { Context } from '../context.ts';
import { withRunMeant } from '../meant.ts';
import { createProgress } from '../output/progress.ts';
import { openNewest, trustedKey } from '../prove.ts';
import { snapshotName } from '../snapshot.ts';
import { besidePrunes } from './beside-prunes.ts';
import { type BundleFiles, bundleFiles } from './bundle-files.ts';
import { tileWriter, writeRotations } from './bundle-proofs.ts';
import { type MadeBundle, tellBundle } from './bundle-told.ts';
import { boundedFilter } from './filter-record.ts';
import { citedPolicies } from './policies.ts';
import { beginExport, isOwnLog, type RecordedExport } from './recorded.ts';
import { fileSink } from './sink.ts';
import { verifyBundleAt } from './verify-bundle.ts';

export interface BundleOptions {
  readonly dir?: string;
  readonly unrecorded?: boolean;
  readonly json?: boolean;
}

export async function exportBundle(
  context: Context,
  target: string,
  written: LogFilter,
  options: BundleOptions,
): Promise<void> {
  const signal = context.interrupted();
  const log = options.dir === undefined ? {} : { log: options.dir };
  const opened = await context.openQuery({ ...log, signal });
  let files: BundleFiles | undefined;
  let record: RecordedExport | undefined;
  try {
    if (opened.query.size === 0) await opened.opened.logInfo();
    const filter = await withRunMeant(opened.query, written);
    files = await bundleFiles(target);
    const own = await isOwnLog(context, opened.opened);
    const start = {
      format: 'bundle',
      destination: 'directory',
      filter: boundedFilter(filter),
      size: opened.query.size,
    } as const;
    record = await beginExport(context, start, { own, unrecorded: options.unrecorded === true });
    const made = await make(context, { opened, files, filter, record, own, signal });
    await tellBundle(context, { ...made, target, recorded: record.id, json: options.json === true });
  } finally {
    await files?.abort();
    await record?.close();
    await opened.close();
  }
}

interface Making {
  readonly opened: OpenedQuery;
  readonly files: BundleFiles;
  readonly filter: LogFilter;
  readonly record: RecordedExport;
  readonly own: boolean;
  readonly signal: AbortSignal;
}

async function make(context: Context, making: Making): Promise<MadeBundle> {
  const { files, record, signal } = making;
  try {
    await record.sign();
    const made = await besidePrunes(making.opened, () => write(context, making));
    // Whoever is handed a proof that does not hold learns it too late: it is checked as its reader will.
    const report = await verifyBundleAt(context, files.directory, { keys: made.key, pinned: !making.own });
    const { integrity, signatures, manifest, matching, completeness } = report;
    const failed = [integrity, signatures, manifest, matching, completeness].find(
      ({ status }) => status === 'fail',
    );
    if (failed !== undefined)
      throw new TallyError(
        'LOG_DAMAGED',
        `the entries are not all those that were signed: ${failed.note ?? ''}`,
        { hint: 'run `tally verify`: it names every entry that was altered' },
      );
    signal.throwIfAborted();
    await files.finish();
    const { rows, entries, snapshots } = made.manifest.counts;
    const recorded = await record.end({
      status: 'ok',
      bytes: made.bytes,
      sha256: made.sha256,
      rows,
      entries,
      records: entries,
      snapshots,
    });
    if (!recorded) context.exit(8);
    return made;
  } catch (error) {
    const failure = asTallyError(error);
    await record.end({
      status: signal.aborted ? 'aborted' : 'error',
      bytes: 0,
      rows: 0,
      entries: 0,
      records: 0,
      snapshots: 0,
      ...(signal.aborted ? {} : { error_kind: failure.code, error: failure.message }),
    });
    if (!signal.aborted) throw error;
    throw new TallyError('INTERRUPTED', 'interrupted: no bundle was made', {
      hint: 'run it again',
      cause: error,
    });
  }
}

interface Written extends MadeBundle {
  readonly bytes: number;
  /** vkeys to check it with. */
  readonly key: readonly string[];
}

async function write(
  context: Context,
  { opened, files, filter, record, own, signal }: Making,
): Promise<Written> {
  const { query } = opened;
  const { reader } = opened.opened;
  const key = await trustedKey(opened.opened, { current: own, given: undefined });
  const newest = openNewest(key);
  if (newest === undefined)
    throw new TallyError('NOT_FOUND', 'nothing in this log is signed yet, so nothing can be proved', {
      hint: 'a running recorder signs within 200 ms; without proofs: tally log export --format jsonl',
    });
  const { checkpoint, note } = newest;
  const listed: Record<string, BundleFile> = {};
  let bytes = 0;
  const put = async (name: string, content: Uint8Array): Promise<void> => {
    const file = await files.put(name, content);
    bytes += file.bytes;
    if (!name.startsWith('tile/')) listed[name] = file;
  };

  const everything = Object.keys(filter).length === 0;
  const begins = (await reader.segments())[0]?.first ?? 0;
  const completeness = everything ? judgeCompleteness({ first: begins }) : undefined;
  const tiles = tileWriter(reader, checkpoint.size, put);
  const policies = citedPolicies(reader);
  const sink = await fileSink(join(files.directory, ENTRIES), true);
  const progress = createProgress(context.stderr, 'exporting', 'rows');
  const total = context.stderr.isTTY ? await query.count(filter) : undefined;
  const counts = { rows: 0, entries: 0, snapshots: 0, unsigned: 0 };
  let first: BundleManifest['range']['first'];
  let last: BundleManifest['range']['last'];
  let asked = 0;
  const indexes = async function* (): AsyncGenerator<number> {
    const rows = async function* () {
      for await (const row of query.rows(filter, { order: 'oldest' })) {
        signal.throwIfAborted();
        progress.update(++counts.rows, total);
        yield row;
      }
    };
    for await (const index of inLogOrder(rows())) {
      if (index < checkpoint.size) {
        asked++;
        yield index;
      } else counts.unsigned++;
    }
  };
  try {
    for await (const { index, line, entry } of opened.entries(indexes())) {
      if (entry === undefined) continue;
      completeness?.see(entry);
      const policy = await policies.fresh(entry);
      if (policy !== undefined) {
        counts.snapshots++;
        await put(snapshotName(policy.hash), policy.bytes);
      }
      await tiles.cover(index);
      await sink.write(line);
      await sink.write('\n');
      counts.entries++;
      last = { index, ...timeOf(entry) };
      first ??= last;
    }
    const entries = await sink.finish();
    listed[ENTRIES] = entries;
    bytes += entries.bytes;
  } finally {
    progress.end();
    await sink.abort();
  }
  if (asked !== counts.entries)
    throw new TallyError(
      'LOG_DAMAGED',
      `${asked - counts.entries} of the entries that match cannot be read`,
      {
        hint: 'run `tally verify`; what can be read is had without proofs: tally log export --format jsonl',
      },
    );
  await tiles.finish();
  const rotations = await writeRotations(reader, checkpoint, put);
  await put(CHECKPOINT, note);

  const manifest: BundleManifest = {
    format: BUNDLE_FORMAT,
    version: BUNDLE_VERSION,
    created: new Date(context.now()).toISOString(),
    origin: checkpoint.origin,
    filter: { ...filter },
    ...(record.id === undefined ? {} : { recorded: record.id }),
    range: {
      size: query.size,
      ...(begins === 0 ? {} : { begins }),
      ...(first === undefined ? {} : { first }),
      ...(last === undefined ? {} : { last }),
    },
    counts,
    gaps: {
      ...(await gapsOf(opened, checkpoint.size)),
      malformed: (await query.malformed()).count,
      holes: completeness === undefined ? null : [...completeness.finish(undefined).holes],
    },
    checkpoint: { size: checkpoint.size, root: encodeBase64(checkpoint.root) },
    vkeys: key.spans.map(({ verifier, from }) => ({ vkey: verifier.vkey, from })),
    rotations,
    files: listed,
  };
  const text = encodeUtf8(`${JSON.stringify(manifest, undefined, 2)}\n`);
  await files.put(MANIFEST, text);
  const { missing, altered } = policies;
  return {
    manifest,
    sha256: sha256Hex(text),
    bytes: bytes + text.length,
    key: [key.first.vkey],
    missing,
    altered,
  };
}

function timeOf(entry: JsonObject): { ts?: string } {
  const ts = textAt(entry, 'ts');
  return ts === undefined ? {} : { ts };
}

/**
 * Times in which nothing could be written, of the whole log as far as it is signed: what is missing there matches no
 * filter.
 */
async function gapsOf(
  opened: OpenedQuery,
  signed: number,
): Promise<Pick<BundleManifest['gaps'], 'log_gap' | 'log_gap_count'>> {
  const log_gap: ListedGap[] = [];
  let count = 0;
  const indexes = async function* (): AsyncGenerator<number> {
    for await (const { index } of opened.query.rows({ types: [GAP_TYPE] }, { order: 'oldest' })) {
      if (index >= signed) return;
      if (++count <= LIMITS.bundleGaps) yield index;
    }
  };
  for await (const { index, entry } of opened.entries(indexes())) log_gap.push(gapOf(index, entry));
  return { log_gap, log_gap_count: count };
}
