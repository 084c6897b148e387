/** What `tally status` tells, read without a lock: a running recorder is asked, the files are looked at. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlertState } from '../../../core/alert/state.ts';
import { isTallyError } from '../../../core/error.ts';
import type { KillSwitch } from '../../../core/governance/kill.ts';
import type { LogInfo } from '../../../core/loginfo.ts';
import { openCheckpoint, parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../../../core/tlog/key.ts';
import { parseNote } from '../../../core/tlog/note.ts';
import { type IndexStatus, indexStatus } from '../../../open/index-status.ts';
import { hasNotes, placesOf } from '../../../open/notes.ts';
import type { OpenedReader } from '../../../reader.ts';
import type { BrokerCounts, OpResults } from '../../../recorder/ops.ts';
import { readBackwards } from '../../../store/file/backwards.ts';
import { errno, readError, readPlain } from '../../../store/file/fs.ts';
import { namesIn } from '../../../store/file/names.ts';
import type { Context } from '../../context.ts';
import { killSwitches } from '../../kill.ts';
import { entriesPresent } from '../../present.ts';
import { askRunning } from '../../running.ts';
import { alertStatus } from './alerts.ts';
import { type AnchorStatus, anchorStatuses } from './anchors.ts';
import { type DiskStatus, diskStatus } from './disk.ts';
import { type ForwardStatus, forwardStatus } from './forward.ts';
import { type HooksStatus, hooksStatus } from './hooks.ts';
import { type PolicyStatus, policyStatus } from './policy.ts';
import { type RetentionStatus, retentionStatus } from './retention.ts';
import { type SourcesStatus, sourcesStatus } from './sources.ts';

export interface Status {
  readonly recorder:
    | { readonly running: false }
    | ({ readonly running: true } & Pick<
        OpResults['status'],
        'pid' | 'version' | 'recorder_id' | 'failure' | 'sealing'
      >);
  readonly broker: { readonly url?: string; readonly counts?: BrokerCounts };
  /** Where the log is followed live over HTTP (spec/live.md). */
  readonly tail: { readonly url?: string };
  /** Hooks of coding agents. */
  readonly hooks?: HooksStatus;
  /** Absent before the first start. */
  readonly log?: LogStatus;
  /** Known to a running recorder only. */
  readonly open_actions?: number;
  readonly open_by_source?: OpResults['status']['open_by_source'];
  /** What each source told of late, and what of it is missing; absent before the first start, and when nobody can tell. */
  readonly sources?: SourcesStatus;
  /** Something ran, or was lost, while nothing could be recorded, and the log does not tell of it yet. */
  readonly untold: boolean;
  /** What is switched off; absent before the first start, and when nobody can tell. */
  readonly kill?: readonly KillSwitch[];
  /** Requests for approval that wait; known to a running recorder only. */
  readonly approvals_waiting?: number;
  /** What is configured, in the order of the file. */
  readonly anchors: readonly AnchorStatus[];
  /** Why nobody can tell what is configured. */
  readonly anchors_problem?: string;
  /** Absent before the first start, and when nobody can tell. */
  readonly alerts?: AlertState;
  /** Where entries are sent to, and how far that is; absent where they go nowhere, and when nobody can tell. */
  readonly otlp?: ForwardStatus;
  readonly policy: PolicyStatus;
  /** Absent where the configuration cannot be read, or before the first start. */
  readonly retention?: RetentionStatus;
  readonly disk: DiskStatus;
}

export interface LogStatus {
  readonly directory: string;
  readonly origin: string;
  /** Signs now. */
  readonly vkey: string;
  /** What readers trust; the rotation notes lead from it to `vkey`. */
  readonly first_vkey: string;
  readonly entries: number;
  readonly signed: number;
  readonly bytes: number;
  readonly checkpoint_at?: string;
  readonly checkpoint_age_ms?: number;
  /** What keeps the checkpoint from being believed. */
  readonly checkpoint_problem?: string;
  /** How far what the log is asked through is; the next question brings it up to date. */
  readonly index: IndexStatus;
  /** Tails that recovery set aside; a person should look at them. */
  readonly torn: readonly string[];
}

export async function gatherStatus(context: Context): Promise<Status> {
  const running = await askRunning(context, (ask) => ask('status', {}), { operator: false });
  const opened = await context.openReader();
  const { directory, logInfo } = opened;
  const info = await logInfo().catch((error: unknown) => {
    if (isTallyError(error) && error.code === 'LOG_MISSING') return undefined;
    throw error;
  });
  const log = info === undefined ? undefined : await logStatus(context, opened, info, running);
  const retention = info === undefined ? undefined : await retentionStatus(context, running);
  return {
    recorder:
      running === undefined
        ? { running: false }
        : {
            running: true,
            pid: running.pid,
            version: running.version,
            recorder_id: running.recorder_id,
            ...(running.failure === undefined ? {} : { failure: running.failure }),
            ...(running.sealing === undefined ? {} : { sealing: running.sealing }),
          },
    broker:
      running?.proxy_url === undefined
        ? {}
        : {
            url: running.proxy_url,
            ...(running.proxy_counts === undefined ? {} : { counts: running.proxy_counts }),
          },
    tail: running?.tail_url === undefined ? {} : { url: running.tail_url },
    ...(await hooksStatus(context, running)),
    ...(log === undefined ? {} : { log }),
    ...(running === undefined
      ? {}
      : { open_actions: running.open_actions, open_by_source: running.open_by_source }),
    ...(log === undefined ? {} : await sources(directory, running !== undefined)),
    untold: hasNotes(placesOf(context.paths)),
    ...(info === undefined ? {} : await switchedOff(context, running)),
    ...(running?.approvals_waiting === undefined ? {} : { approvals_waiting: running.approvals_waiting }),
    ...(await configuredAnchors(context, { directory, signed: log?.signed ?? 0 }, running)),
    ...(log === undefined ? {} : await alerts(context, running)),
    ...(log === undefined ? {} : await forwardStatus(context, running?.otlp, log.entries)),
    policy: await policyStatus(context, running),
    ...(retention === undefined ? {} : { retention }),
    disk: await diskStatus(context.paths),
  };
}

/** What is wrong with the log is told by `tally verify`. */
async function sources(directory: string, alive: boolean): Promise<Pick<Status, 'sources'>> {
  try {
    return { sources: await sourcesStatus(directory, alive) };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return {};
  }
}

/** What is wrong with the log is told by what reads it, and by `tally verify`. */
async function switchedOff(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<Pick<Status, 'kill'>> {
  if (running !== undefined) return { kill: running.kill ?? [] };
  try {
    return { kill: await killSwitches(context) };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return {};
  }
}

/** As with anchors: what is wrong with the configuration is told there. */
async function alerts(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<Pick<Status, 'alerts'>> {
  try {
    const state = await alertStatus(context, running?.alerts);
    return state === undefined ? {} : { alerts: state };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return {};
  }
}

/** A configuration that cannot be read must not hide the rest. */
async function configuredAnchors(
  context: Context,
  log: { readonly directory: string; readonly signed: number },
  running: OpResults['status'] | undefined,
): Promise<Pick<Status, 'anchors' | 'anchors_problem'>> {
  try {
    return { anchors: await anchorStatuses(context, log, running?.anchors) };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { anchors: [], anchors_problem: error.message };
  }
}

async function logStatus(
  context: Context,
  { directory, name, heads }: OpenedReader,
  info: LogInfo,
  running: OpResults['status'] | undefined,
): Promise<LogStatus> {
  const key = info.keys.at(-1)?.vkey ?? '';
  const { bytes } = await readBackwards(directory);
  // Before the checkpoint: it is written later, so in an honest log it is never ahead.
  const remembered = await rememberedSize(heads, name);
  const checkpoint = await checkpointStatus(directory, info, context.now());
  // Not what a recorder holds in its memory: its files may have been cut under it.
  const entries = await entriesPresent(directory);
  return {
    directory,
    origin: info.origin,
    vkey: key,
    first_vkey: info.keys[0]?.vkey ?? '',
    entries,
    index: await indexStatus(context.paths, directory, entries),
    bytes,
    torn: await tornTails(directory),
    ...checkpoint,
    ...(remembered > checkpoint.signed && checkpoint.checkpoint_problem === undefined
      ? {
          checkpoint_problem: `this machine remembers one of ${remembered} entries: the log was rolled back (tally verify)`,
        }
      : {}),
    ...(running === undefined ? {} : { signed: running.signed }),
  };
}

/** 0 where none can be read: what is wrong with it is told by `tally verify`. */
async function rememberedSize(heads: OpenedReader['heads'], name: string): Promise<number> {
  try {
    const head = await heads.get(`${name}/checkpoint`);
    return head === undefined ? 0 : parseCheckpoint(parseNote(head).text).size;
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return 0;
  }
}

/** Names of what recovery set aside. */
export async function tornTails(directory: string): Promise<readonly string[]> {
  const names = await namesIn(join(directory, 'entries'));
  return names.filter((name) => name.includes('.torn-')).sort();
}

type CheckpointStatus = Pick<
  LogStatus,
  'signed' | 'checkpoint_at' | 'checkpoint_age_ms' | 'checkpoint_problem'
>;

async function checkpointStatus(directory: string, info: LogInfo, now: number): Promise<CheckpointStatus> {
  const path = join(directory, 'checkpoint');
  const unread = (error: unknown): never => {
    throw readError(error, `cannot read ${path}`);
  };
  const found = await stat(path).catch((error: unknown) =>
    errno(error) === 'ENOENT' ? undefined : unread(error),
  );
  if (found === undefined) return { signed: 0 };
  const age = {
    checkpoint_at: found.mtime.toISOString(),
    checkpoint_age_ms: Math.max(0, Math.round(now - found.mtimeMs)),
  };
  try {
    const verifiers = info.keys.map(({ vkey }) => verifierFromVkey(vkey));
    return { signed: openCheckpoint(await readPlain(path, 'checkpoint'), verifiers).size, ...age };
  } catch (error) {
    if (!isTallyError(error)) return unread(error);
    return { signed: 0, ...age, checkpoint_problem: error.message };
  }
}
