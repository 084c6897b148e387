/**
 * The one way to a secret: who asks and what for is on record, durable, before anything is fetched; what came of it is
 * on record afterwards. `get`, `check`, `run`, the SDK and what moves secrets all go through here.
 *
 * Order: open the log → reason → pre_exec, decided → fetch → hand over → post_exec. A process that is killed in between
 * leaves a pre_exec, which the next recorder closes as `unknown`.
 */
import type { Outcome, SecretAccess } from '../../core/entry.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { secretErrorKind } from '../../core/secret-errors.ts';
import type { Ask, OpParams } from '../../recorder/ops.ts';
import type { RequireReason } from './manifest/types.ts';
import { isReasonMissing, reasonRequired, statedReason } from './reason.ts';

export type FailureMode = 'open' | 'closed';

/** Where accesses are recorded, and what holds when that fails. */
export interface Door {
  /** Rejects when the log cannot be opened. Undefined: its user switched the recording of secrets off. */
  open(): Promise<{ readonly ask: Ask } | undefined>;
  /** `open`: a person's own access goes on without a record. Never an agent's. */
  readonly mode: FailureMode;
  /** Inside a recorded run, with a token, or started by a coding agent as far as can be told. */
  readonly isAgent: boolean;
  readonly warn: (line: string) => void;
  /** An access goes on without a record: remembered until it can be said in the log. Never throws. */
  readonly missed: (what: string, why: string) => void;
}

export interface Wanted {
  readonly operation: SecretAccess['operation'];
  readonly key?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly project?: string | undefined;
  readonly environment?: string | undefined;
  readonly profile?: string | undefined;
  /** Where it will be looked for, when that is known beforehand. Without credentials. */
  readonly provider?: string | undefined;
  /** argv[0]. */
  readonly command?: string | undefined;
  readonly reason?: string | undefined;
  readonly requireReason: RequireReason;
  /** Of a run that was just started for it. */
  readonly runToken?: string | undefined;
  /** The program that asks, where it is not the command line. */
  readonly caller?: string | undefined;
}

/** What came of it. */
export interface Served<T> {
  readonly result: T;
  readonly found: NonNullable<SecretAccess['found']>;
  /** What served it, without credentials. */
  readonly provider?: string | undefined;
  readonly ref?: string | undefined;
  readonly outcome?: Omit<Outcome, 'duration_ms'>;
  /** Names and counts, never a value. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The log cannot be written, for whatever reason: this is what failure mode `open` is for. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'LOG_UNREADABLE',
  'LOG_READ_ONLY',
  'LOG_WRITE_FAILED',
  'LOG_FULL',
  'LOG_CLOSED',
  'LOG_LOCKED',
  'LOG_DAMAGED',
  'LOG_ROLLED_BACK',
  'RECORDER_UNAVAILABLE',
]);

/**
 * Runs `body` as one access. Throws STOPPED (details.kind: why) when it may not be, the log's own error when it cannot be
 * recorded and that stops it, and whatever `body` throws, which is then on record by its kind alone.
 */
export async function accessed<T>(door: Door, wanted: Wanted, body: () => Promise<Served<T>>): Promise<T> {
  const reason = statedReason(wanted.reason);
  const missing = isReasonMissing(wanted.requireReason, door.isAgent, reason);
  const begun = await begin(door, paramsOf(wanted, reason, missing));
  if (missing) throw reasonRequired(wanted.requireReason);
  if (begun === undefined) return (await body()).result;
  const from = performance.now();
  const took = (): number => Math.round(performance.now() - from);
  let served: Served<T>;
  try {
    served = await body();
  } catch (error) {
    const failed = { status: 'error', error_kind: secretErrorKind(error), duration_ms: took() } as const;
    await end(door, begun, wanted, { found: 'error' }, failed);
    throw error;
  }
  const { found, provider, ref, outcome, metadata } = served;
  await end(
    door,
    begun,
    wanted,
    {
      found,
      ...(provider === undefined ? {} : { provider }),
      ...(ref === undefined ? {} : { ref }),
    },
    { status: 'ok', ...outcome, duration_ms: took() },
    metadata,
  );
  return served.result;
}

interface Begun {
  readonly ask: Ask;
  readonly id: string;
}

/** Undefined: it goes on without a record. */
async function begin(door: Door, params: OpParams<'secret.access'>): Promise<Begun | undefined> {
  let link: { readonly ask: Ask } | undefined;
  let answer: Awaited<ReturnType<typeof askFor>>;
  try {
    link = await door.open();
    if (link === undefined) return undefined;
    answer = await askFor(link.ask, params);
  } catch (error) {
    const { operation, key, keys } = params;
    return unrecorded(door, `secret.${operation} ${key ?? keys?.join(',') ?? ''}`.trim(), error);
  }
  if (answer.outcome === 'allow' || params.refused !== undefined) return { ask: link.ask, id: answer.id };
  throw stopped(answer);
}

const askFor = (ask: Ask, params: OpParams<'secret.access'>) => ask('secret.access', params);

/** Throws unless `door` lets a person go on without a record; then that is told, and remembered. */
export function unrecorded(door: Door, what: string, error: unknown): undefined {
  if (!isTallyError(error) || !UNAVAILABLE.has(error.code)) throw error;
  if (door.mode === 'closed' || door.isAgent) {
    const whose =
      door.isAgent && door.mode === 'open' ? ', and an agent gets no secret without a record' : '';
    // For whoever asks to record, a log that cannot be read is a recorder that is not there.
    const told = error.code === 'LOG_UNREADABLE' ? 'RECORDER_UNAVAILABLE' : error.code;
    throw new TallyError(told, `${error.message}${whose}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      details: { ...error.details, kind: 'log_unavailable' },
      cause: error,
    });
  }
  door.warn(
    `NOT RECORDED: ${error.message}. A person’s own secrets are handed out all the same (secrets.failure is open); the log will tell of it as soon as it can be written`,
  );
  door.missed(what.slice(0, LIMITS.idChars), error.code);
  return undefined;
}

function stopped({ outcome, reason, message, approval }: Awaited<ReturnType<typeof askFor>>): TallyError {
  const pending = outcome === 'approval_required';
  const hint =
    approval === undefined
      ? 'tally log list --stopped shows it; tally policy explain says what would let it through'
      : `a person has to say yes first: tally approvals approve ${approval}; then ask again`;
  return new TallyError(
    pending ? 'APPROVAL_PENDING' : 'STOPPED',
    message ?? `the policy stops it: ${reason ?? 'no reason'}`,
    {
      hint,
      details: {
        kind: pending ? 'approval_required' : 'stopped',
        ...(reason === undefined ? {} : { reason }),
        ...(approval === undefined ? {} : { approval }),
      },
    },
  );
}

async function end(
  door: Door,
  { ask, id }: Begun,
  { operation, key, profile, command }: Wanted,
  how: Pick<SecretAccess, 'found' | 'provider' | 'ref'>,
  outcome: Outcome,
  metadata?: Readonly<Record<string, unknown>>,
): Promise<void> {
  const secret: SecretAccess = {
    operation,
    ...(key === undefined ? {} : { key }),
    ...(profile === undefined ? {} : { profile }),
    ...(command === undefined ? {} : { command }),
    ...how,
  };
  try {
    await ask('record', {
      event: {
        type: 'secret.access',
        phase: 'post_exec',
        parent_id: id,
        action: { name: `secret.${operation}` },
        secret,
        outcome,
        ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
      },
    });
  } catch (error) {
    // That it began is durable; the next recorder closes it as unknown.
    if (!isTallyError(error)) throw error;
    door.warn(`how this access ended is not recorded: ${error.message}`);
  }
}

/** Of many names, those that fit into one entry; the number is told in any case. */
const KEYS_BYTES = 16_384;

function fitting(keys: readonly string[]): readonly string[] {
  let left = KEYS_BYTES;
  const most = keys.slice(0, LIMITS.accessKeys);
  const over = most.findIndex((name) => {
    left -= name.length + 3;
    return left < 0;
  });
  return over === -1 ? most : most.slice(0, over);
}

function paramsOf(wanted: Wanted, reason: string | undefined, missing: boolean): OpParams<'secret.access'> {
  const { operation, key, keys, project, environment, profile, provider, command, caller, runToken } = wanted;
  const told = keys === undefined ? undefined : fitting(keys);
  return {
    operation,
    ...(key === undefined ? {} : { key }),
    ...(told === undefined ? {} : { keys: [...told] }),
    ...(told === undefined || told.length === keys?.length ? {} : { key_count: keys?.length ?? 0 }),
    ...(project === undefined ? {} : { project_id: project }),
    ...(environment === undefined ? {} : { environment }),
    ...(profile === undefined ? {} : { profile }),
    ...(provider === undefined ? {} : { provider }),
    ...(command === undefined ? {} : { command }),
    ...(reason === undefined ? {} : { reason }),
    ...(caller === undefined ? {} : { caller }),
    ...(runToken === undefined ? {} : { run_token: runToken }),
    ...(missing ? { refused: 'reason_required' } : {}),
  };
}
