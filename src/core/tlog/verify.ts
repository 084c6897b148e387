/**
 * Verification of a whole log: an answer, not an exception. It needs raw bytes and public keys only, reads the log once
 * in memory that does not grow with it, and ends on any input. Errors of the source itself (a disk that cannot be read)
 * pass through.
 */
import { encodeBase64, equalBytes } from '../bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { verifierFromVkey } from './key.ts';
import type { RotationNote } from './key-history.ts';
import { TILE_WIDTH } from './tile.ts';
import { createEntriesPass, type EntriesOptions, type EntriesResult } from './verify-entries.ts';
import type { Findings } from './verify-findings.ts';
import { type Head, judgeHeads, readAgain, readHead } from './verify-heads.ts';
import { claimedCheckpoint, historyOf, judgeSigned, judgeUnrotated, type KeyGround } from './verify-keys.ts';
import { localise } from './verify-localise.ts';
import { lookAtPruned, type Pruned, withCarried } from './verify-prunes.ts';
import {
  type BadEntry,
  type IntegrityVerdict,
  LISTED,
  type MissingEntries,
  type Report,
  type TilesVerdict,
} from './verify-report.ts';
import { declaredVerifiers, type Signed } from './verify-signed.ts';

/** One log as it lies there. */
export interface LogSource {
  /** From log.json. */
  readonly origin: string;
  /** From log.json. */
  readonly vkeys: readonly string[];
  /** Files that recovery set aside and nobody acknowledged. */
  readonly setAside?: readonly string[];
  /** Read before the entries, so that entries written meanwhile only lengthen the unsigned tail. */
  checkpoint(): Promise<Uint8Array | undefined>;
  /** `keys/<size>.note`. Read after the checkpoint: a rotation in between must not leave one without its note. */
  rotations?(): Promise<readonly RotationNote[]>;
  /** Index of the first entry that is there; 0 when absent. What is before was pruned, or taken away. */
  readonly first?: number;
  /** All entries from `first` on, one a line, in blocks cut anywhere. A block may be overwritten by the verifier. */
  blocks(): AsyncIterable<Uint8Array>;
  /** The object that a `log.prune` entry cites, by its hash. Asked for only where entries are gone. */
  carried?(sha256: string): Promise<Uint8Array | undefined>;
  /** Stored full hash tiles. */
  tile(level: number, index: number): Promise<Uint8Array | undefined>;
  /**
   * The same as one pass over `blocks`, found by a way that is faster as long as nothing is out of the ordinary.
   * `undefined` when anything is: then `blocks` is read. Errors as there.
   */
  entries?(wanted: WantedEntries): Promise<EntriesResult | undefined>;
}

export interface WantedEntries extends Omit<EntriesOptions, 'tile'> {
  readonly onProgress: ((entries: number, bytes: number) => void) | undefined;
}

export interface VerifyOptions {
  /** Keys that the caller trusts to be this log's. Throws `KEY_MALFORMED` for one that is no key. */
  readonly pinned?: readonly string[];
  /** Taken before the call: a head newer than the checkpoint that is read would look like a rollback. */
  readonly heads?: readonly Head[];
  /** Rotation notes that were kept outside of the log, taken before the call. */
  readonly rotations?: readonly RotationNote[];
  /** Called after each block. */
  readonly onProgress?: (entries: number, bytes: number) => void;
}

/** A limit no index reaches: without a root to hold them against, all entries count as signed. */
const ALL = Number.POSITIVE_INFINITY;

export async function verifyLog(source: LogSource, options: VerifyOptions = {}): Promise<Report> {
  const { origin } = source;
  const pinned = (options.pinned ?? []).map(verifierFromVkey);
  const declared = declaredVerifiers(source.vkeys);
  const note = await source.checkpoint();
  const stored = (await source.rotations?.()) ?? [];
  const ground: KeyGround = { stored, remembered: options.rotations ?? [], pinned, declared };
  const rotated = stored.length + ground.remembered.length > 0;
  const early = (options.heads ?? []).map((head) => readHead(head, origin, [...pinned, ...declared]));

  // Without any checkpoint everything is unsigned tail; with one that is not authentic nobody knows where it starts.
  // After a rotation the keys are known from the entries only, so until these are read the claim has to do: whoever
  // lied in it fails the signatures.
  const first = rotated ? undefined : judgeUnrotated(note, origin, ground);
  const claimed = first === undefined || first.authentic ? claimedCheckpoint(note) : undefined;
  const signedSize = note === undefined ? 0 : (claimed?.size ?? ALL);
  const wanted: WantedEntries = {
    // What is said to begin behind everything that was signed has no beginning that could be looked up.
    first: Math.min(
      source.first ?? 0,
      Number.isSafeInteger(signedSize) ? signedSize - (signedSize % TILE_WIDTH) : 0,
    ),
    signedSize,
    rootsAt: [
      ...early.flatMap(({ checkpoint }) => checkpoint?.size ?? []),
      ...stored.map(({ size }) => size),
    ],
    keep: stored.map(({ size }) => size - 1),
    onProgress: options.onProgress,
  };
  const read = (await source.entries?.(wanted)) ?? (await entriesInOrder(source, wanted));
  const pruned = await lookAtPruned(read, signedSize, source);
  const result = withCarried(read, pruned);
  const history = historyOf(origin, ground, result);
  const signed = first ?? judgeSigned(note, origin, ground, history);
  const heads = early.map((read) => readAgain(read, origin, history));
  const tree = treeOf(result, signed);
  const { breaks } = tree.findings;
  const setAside = source.setAside ?? [];

  return {
    origin,
    ...(signed.checkpoint === undefined ? {} : { size: signed.checkpoint.size }),
    entries: result.lines - result.first,
    bytes: result.bytes,
    unsigned: Math.max(0, result.end - (signed.checkpoint?.size ?? 0)),
    torn_bytes: result.tornBytes,
    integrity: judgeIntegrity(result, tree, pruned),
    ...(pruned === undefined ? {} : { pruned: pruned.verdict }),
    tiles: judgeTiles(tree),
    chain: {
      status: breaks.count > 0 ? 'fail' : 'pass',
      breaks: breaks.list.toSorted((a, b) => a - b),
      break_count: breaks.count,
    },
    append_only: judgeHeads(heads, result.roots, {
      lines: result.lines,
      signed: claimedCheckpoint(note)?.size,
    }),
    signatures: signed.verdict,
    anchored: { status: 'neutral', note: 'no anchor is configured' },
    completeness:
      setAside.length > 0
        ? {
            status: 'incomplete',
            set_aside: setAside,
            note: 'recovery set entries aside that nobody has acknowledged',
          }
        : { status: 'neutral', set_aside: [], note: 'not judged here' },
  };
}

async function entriesInOrder(
  source: LogSource,
  { onProgress, ...wanted }: WantedEntries,
): Promise<EntriesResult> {
  const pass = createEntriesPass({ ...wanted, tile: (level, index) => source.tile(level, index) });
  await pass.begin();
  for await (const block of source.blocks()) {
    pass.push(block);
    await pass.settle();
    onProgress?.(pass.lines, pass.bytes);
  }
  return pass.finish();
}

/** What was signed, by somebody whose key is known; the root that the entries come to; what was found in its light. */
interface SignedTree {
  readonly signed: Checkpoint | undefined;
  readonly root: Uint8Array | undefined;
  readonly rootHolds: boolean;
  readonly findings: Findings;
}

function treeOf(result: EntriesResult, { authentic, checkpoint }: Signed): SignedTree {
  const signed = authentic ? checkpoint : undefined;
  const root = signed === undefined ? undefined : result.roots.get(signed.size);
  const rootHolds = signed !== undefined && root !== undefined && equalBytes(root, signed.root);
  return { signed, root, rootHolds, findings: result.findings.found(rootHolds) };
}

function judgeIntegrity(
  result: EntriesResult,
  { signed, root, rootHolds, findings }: SignedTree,
  pruned: Pruned | undefined,
): IntegrityVerdict {
  const missing: MissingEntries[] = [...findings.missing.list];
  let missingCount = findings.missing.count;
  if (pruned !== undefined && pruned.unnamed.to > pruned.unnamed.from) {
    missing.unshift(pruned.unnamed);
    missingCount += pruned.unnamed.to - pruned.unnamed.from;
  }
  if (signed !== undefined && !rootHolds && result.end < signed.size) {
    missing.push({ from: result.end, to: signed.size });
    missingCount += signed.size - result.end;
  }

  const bad: BadEntry[] = [...findings.bad.list, ...findings.contradicted.list];
  let badCount = findings.bad.count + findings.contradicted.count;
  // Where the tiles of pruned entries are wrong, the entries that are left must not be accused of it.
  if (signed !== undefined && !rootHolds && pruned?.wrong === undefined) {
    const more = localise(findings, result.tail, bad, { ...signed, cut: root === undefined });
    bad.push(...more);
    badCount += more.length;
  }
  bad.sort((a, b) => a.index - b.index);

  const places = [bad[0]?.index, missing[0]?.from, findings.extra.list[0]?.before];
  const firstBad = Math.min(...places.filter((place) => place !== undefined));
  const damaged = findings.damagedTiles.count;
  // Tiles are a cache of what the entries say: where these lead to the signed root, a damaged one shows no tampering.
  const wrong =
    badCount + missingCount + findings.extra.count + (rootHolds ? 0 : damaged) > 0 ||
    (signed !== undefined && !rootHolds);
  const note = integrityNote({
    authentic: signed !== undefined,
    rootHolds,
    named: Number.isFinite(firstBad),
    wrong: pruned?.wrong,
  });
  return {
    status: wrong || pruned?.wrong !== undefined ? 'fail' : rootHolds ? 'pass' : 'incomplete',
    ...(Number.isFinite(firstBad) ? { first_bad: firstBad } : {}),
    bad: bad.slice(0, LISTED),
    bad_count: badCount,
    missing,
    missing_count: missingCount,
    extra: findings.extra.list,
    extra_count: findings.extra.count,
    ...(root === undefined ? {} : { root: encodeBase64(root) }),
    ...(note === undefined ? {} : { note }),
  };
}

function judgeTiles({ findings }: SignedTree): TilesVerdict {
  const { damagedTiles, absentTiles } = findings;
  return {
    status: damagedTiles.count + absentTiles > 0 ? 'incomplete' : 'pass',
    damaged: damagedTiles.list,
    damaged_count: damagedTiles.count,
    absent_count: absentTiles,
  };
}

function integrityNote(state: {
  readonly authentic: boolean;
  readonly rootHolds: boolean;
  readonly named: boolean;
  readonly wrong: string | undefined;
}): string | undefined {
  if (state.wrong !== undefined) return state.wrong;
  if (!state.authentic) return 'no authentic checkpoint: the entries agree with one another at best';
  return state.rootHolds || state.named
    ? undefined
    : 'the entries agree with one another, but the signed root is of others';
}
