/** Verification of a log directory: gathers what the pure verifier needs, and judges what it leaves to us. */
import { isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogInfo } from '../core/loginfo.ts';
import type { PayloadsVerdict } from '../core/payload/judge.ts';
import { type CompletenessFindings, type CompletenessJudge, isComplete } from '../core/query/completeness.ts';
import type { OpeningWatch } from '../core/query/openings.ts';
import type { SnapshotsVerdict } from '../core/query/snapshots.ts';
import { verifyLog } from '../core/tlog/verify.ts';
import { withoutRepeats } from '../core/tlog/verify-anchors.ts';
import { exitCodeOf, type Report } from '../core/tlog/verify-report.ts';
import type { OpenedReader } from '../reader.ts';
import { seeAgain } from './completeness.ts';
import { readGiven } from './given-file.ts';
import { type Blocks, directoryBlocks, keyNeeded, publishedDirectory } from './log-source.ts';
import { type LocalHead, localHeads, pinnedVkey, type Whose } from './remembered.ts';
import { type AnchorRequest, anchoredOf, evidenceOf } from './verify-anchors.ts';
import { demandsOn } from './verify-demands.ts';
import { type DamageWatch, misnamedSegments, watchDamage } from './verify-files.ts';
import {
  judgeRecovery,
  prunedOf,
  type RecoveryVerdict,
  storedSnapshots,
  withSegments,
} from './verify-leftovers.ts';
import { judgeLocal, judgeRemembered } from './verify-local.ts';
import { parallelEntries } from './verify-parallel.ts';
import { lookAtPayloads } from './verify-payloads.ts';
import { completedAt, contradictedByNotes, seenRotations } from './verify-rotations.ts';
import { whileSettled } from './verify-settled.ts';
import { createTaps, shownLines } from './verify-taps.ts';

export interface Verification extends Omit<Report, 'completeness'> {
  readonly exit_code: 0 | 2 | 6 | 7;
  /** The trusted key; of several that were given, the first. */
  readonly key: { readonly vkey: string; readonly ground: 'given' | 'pinned' } | null;
  /** Indexes of `key.rotate` entries that no rotation note completes. */
  readonly rotations_begun: readonly number[];
  readonly completeness: Report['completeness'] & { readonly findings?: CompletenessFindings };
  /** Torn tails that recovery set aside: whether they are all there and untouched, and acknowledged. */
  readonly recovery: RecoveryVerdict;
  /** Policy snapshots that decisions cite; absent for a published log, which has none. */
  readonly snapshots?: SnapshotsVerdict;
  /** Payloads that entries cite, held against the packs. */
  readonly payloads: PayloadsVerdict;
  /** Why log.json could not be used or believed, when it could not. */
  readonly log_json?: string;
  /** How to mend what this machine remembers and its log does not fit, or the other way round. Present when nothing else is wrong. */
  readonly mend?: readonly string[];
}

export interface VerifyRequest extends Whose {
  /** Keys that were given; none: the remembered one. */
  readonly keys: readonly string[];
  /** Files with older checkpoints. */
  readonly heads: readonly string[];
  readonly completeness: boolean;
  /** What this machine has configured; without it nothing about anchors is looked at. */
  readonly anchors?: AnchorRequest | undefined;
  /** How many workers verify a log directory; as many as pay when it is absent. */
  readonly workers?: number | undefined;
  /** Whether a recorder writes this log right now; undefined when nobody can tell. */
  readonly writerLives: () => Promise<boolean | undefined>;
  /** `total` is 0 when nobody knows it. */
  readonly onProgress: (bytes: number, total: number) => void;
}

/** Begun again when old entries were pruned while they were read. */
export async function verifyDirectory(opened: OpenedReader, request: VerifyRequest): Promise<Verification> {
  return whileSettled(opened.reader, (first) => verifyOnce(opened, request, first));
}

async function verifyOnce(
  opened: OpenedReader,
  request: VerifyRequest,
  first: number,
): Promise<Verification> {
  const { reader } = opened;
  // Heads are read before the checkpoint: one that is newer would look like a rollback.
  const local = await localHeads(opened);
  const given = request.keys[0];
  const damage = watchDamage();
  const about = await aboutLog(opened, request, local, damage);
  const pinned = given ?? (await pinnedVkey(opened, request, about.origin));
  if (about.published && pinned === undefined) throw keyNeeded(about.origin);
  const gathered = await evidenceOf(opened, about.origin, request.anchors);
  const known = { local, anchored: gathered?.heads ?? [] };
  const { heads, rotations: remembered } = await demandsOn(opened, request, about, known);
  const total = (await reader.segments()).reduce((sum, { bytes }) => sum + bytes, 0);
  const looker = await lookAtPayloads(opened, { current: request.current, published: about.published });
  const begins = about.published ? (about.blocks.first ?? 0) : first;
  let taps = createTaps(request.completeness, looker.look, begins);

  async function* tapped(): AsyncGenerator<Uint8Array> {
    // What was seen on another way that came to no answer does not count twice.
    taps = createTaps(request.completeness, looker.look, begins);
    for await (const block of about.blocks.blocks()) {
      taps.push(block);
      yield block;
    }
  }

  const report = await verifyLog(
    {
      ...about.blocks,
      first: begins,
      origin: about.origin,
      vkeys: about.vkeys,
      blocks: tapped,
      ...(about.published
        ? {}
        : {
            entries: parallelEntries({
              directory: opened.directory,
              reader,
              tile: about.blocks.tile,
              workers: request.workers,
              shown: shownLines(request.completeness),
              see: (line) => taps.line(line),
            }),
          }),
    },
    {
      ...(pinned === undefined ? {} : { pinned: given === undefined ? [pinned] : request.keys }),
      heads,
      rotations: remembered,
      onProgress: (_entries, bytes) => request.onProgress(bytes, total),
    },
  ).finally(looker.close);
  const payloads = looker.verdict(taps.payloads, report.size ?? 0);
  const prunes = taps.prunes.state(report.size ?? 0);
  const prunedTo = prunes.last?.to ?? 0;
  const misnamed = about.published ? [] : await misnamedSegments(opened.directory, reader, prunedTo);
  const recovery = await judgeRecovery(opened.directory, taps.recovery, about.published, prunedTo);
  const findings =
    taps.judge === undefined
      ? undefined
      : await completenessFound(
          taps.judge,
          about.published ? about.blocks : directoryBlocks(reader),
          request,
        );
  const snapshots = about.published ? undefined : taps.snapshots.judge(await storedSnapshots(reader));
  const seen = { ...report, append_only: withoutRepeats(report.append_only) };
  const own = request.current ? await judgeLocal(opened, seen, local) : undefined;
  const keys = request.current ? await judgeRemembered(opened, report) : undefined;
  const judged = {
    ...report,
    ...prunedOf(report, prunes),
    integrity: withSegments(report.integrity, [...misnamed, ...damage.notes()], damage.firstLost()),
    append_only: own?.append_only ?? seen.append_only,
    signatures: keys?.signatures ?? report.signatures,
    anchored: anchoredOf(report, gathered?.evidence, taps.anchors, about.published),
    completeness: completenessOf(recovery.unacknowledged, findings),
  };
  const rotations = await seenRotations(about.blocks, judged);
  const problem =
    about.problem ??
    (await contradiction(opened, request, about, taps.openings, local)) ??
    contradictedByNotes(about.info?.keys ?? [], rotations);
  // A log.json that is gone or says something else than what is remembered or on record, a policy that was in force and
  // is another one or gone, a torn tail that is no longer what was set aside, and a payload that is not the one that was
  // cited, are tampering whatever the entries say.
  const tampered =
    problem !== undefined || [snapshots, recovery, payloads].some((verdict) => verdict?.status === 'fail');
  const code = exitCodeOf(judged, { completeness: request.completeness });
  const elsewhere = tampered || exitCodeOf({ ...judged, append_only: seen.append_only }) === 6;
  const mend = elsewhere ? [] : [...(own?.mend ?? []), ...(keys?.mend ?? [])];
  return {
    ...judged,
    exit_code: tampered ? 6 : code === 0 && payloads.status === 'incomplete' ? 2 : code,
    key: pinned === undefined ? null : { vkey: pinned, ground: given === undefined ? 'pinned' : 'given' },
    rotations_begun: taps.rotations.begun(completedAt(rotations)),
    recovery,
    ...(snapshots === undefined ? {} : { snapshots }),
    payloads,
    ...(problem === undefined ? {} : { log_json: problem }),
    ...(mend.length === 0 ? {} : { mend }),
  };
}

interface About {
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly blocks: Blocks;
  readonly published: boolean;
  readonly info?: LogInfo;
  readonly problem?: string;
}

/** What log.json says; when it is gone or broken, what is remembered about the log: a wipe is an answer, not an error. */
async function aboutLog(
  opened: OpenedReader,
  { current }: Whose,
  heads: readonly LocalHead[],
  damage: DamageWatch,
): Promise<About> {
  const { reader } = opened;
  const published = current ? undefined : await publishedDirectory(reader);
  if (published !== undefined) {
    return { origin: published.origin, vkeys: [], blocks: published, published: true };
  }
  const blocks = directoryBlocks(reader, damage.see);
  try {
    const info = await opened.logInfo();
    return { origin: info.origin, vkeys: info.keys.map(({ vkey }) => vkey), blocks, published: false, info };
  } catch (error) {
    // What this user may not read, or the disk does not give, says nothing about the log.
    if (isTallyError(error) && error.code === 'LOG_UNREADABLE') throw error;
    const head = current ? heads.find(({ log }) => log === opened.name) : undefined;
    if (!isTallyError(error) || head?.origin === undefined) throw error;
    return { origin: head.origin, vkeys: [], blocks, published: false, problem: error.message };
  }
}

/** How log.json contradicts its entries, or what this machine remembers of the log under that name. */
async function contradiction(
  opened: OpenedReader,
  { current }: Whose,
  { info, origin }: About,
  openings: OpeningWatch,
  local: readonly LocalHead[],
): Promise<string | undefined> {
  if (info === undefined) return undefined;
  const head = current ? local.find(({ log }) => log === opened.name) : undefined;
  if (head?.origin !== undefined && head.origin !== origin)
    return `log.json names the origin ${origin}, the remembered head is of ${head.origin}`;
  const vkey = current ? await pinnedVkey(opened, { current }, origin) : undefined;
  if (vkey !== undefined && info.keys[0]?.vkey !== vkey)
    return 'log.json names another first key than the one that this machine remembers';
  return openings.differs(info);
}

async function completenessFound(
  judge: CompletenessJudge,
  { blocks }: Blocks,
  { writerLives }: VerifyRequest,
): Promise<CompletenessFindings> {
  const alive = await writerLives();
  await seeAgain(judge, blocks, alive);
  return judge.finish(alive);
}

function completenessOf(
  setAside: readonly string[],
  findings: CompletenessFindings | undefined,
): Verification['completeness'] {
  const lacks = setAside.length > 0;
  if (findings === undefined) {
    return { status: lacks ? 'incomplete' : 'neutral', set_aside: setAside, note: 'not asked for' };
  }
  return { status: lacks || !isComplete(findings) ? 'incomplete' : 'pass', set_aside: setAside, findings };
}

/** A vkey, or the path of a file that holds one. */
export async function readKey(text: string): Promise<string> {
  if (text.includes('+')) return text.trim();
  try {
    return Buffer.from(await readGiven(text, LIMITS.noteBytes))
      .toString('utf8')
      .trim();
  } catch (error) {
    if (isTallyError(error)) throw error;
    throw new TallyError('USAGE', `neither a key nor a file with one: ${text}`, {
      hint: 'a key reads NAME+ID+BASE64; `tally key list` prints those of this log',
      cause: error,
    });
  }
}
