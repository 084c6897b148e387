/** One configured anchor while a recorder runs: what it holds, whether it fails, and when it is asked again. */
import type { AnchorState } from '../core/anchor-state.ts';
import { encodeBase64 } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { AnchorDriver, AnchorReceipt, AnchorSubject } from './driver.ts';

export interface ConfiguredAnchor {
  readonly driver: AnchorDriver;
  readonly everyMs: number;
  /** Of what the driver was made from: another text, another driver. */
  readonly key: string;
}

interface Failing {
  readonly error: TallyError;
  readonly since: number;
  readonly attempts: number;
  readonly retryAt: number;
}

export interface Lane {
  readonly anchor: ConfiguredAnchor;
  last: { readonly size: number; readonly at: number } | undefined;
  failing: Failing | undefined;
  running: Promise<LaneEnd> | undefined;
}

export type LaneEnd =
  | { readonly outcome: 'ok'; readonly time?: string }
  | { readonly outcome: 'current' | 'failed' };

export function isDue(lane: Lane, now: number, behind: number): boolean {
  if (lane.running !== undefined || behind === 0) return false;
  if (lane.failing !== undefined) return now >= lane.failing.retryAt;
  return lane.last === undefined || now >= lane.last.at + lane.anchor.everyMs;
}

/** Says whether that has to be told: the first failure, or another one than before. */
export function failed(
  lane: Lane,
  thrown: unknown,
  now: number,
): { readonly error: TallyError; readonly isNew: boolean } {
  const error = asTallyError(thrown);
  const before = lane.failing;
  const attempts = (before?.attempts ?? 0) + 1;
  const wait = Math.min(LIMITS.anchorRetryMs * 2 ** Math.min(attempts - 1, 20), LIMITS.anchorRetryMostMs);
  lane.failing = { error, since: before?.since ?? now, attempts, retryAt: now + wait };
  return { error, isNew: before === undefined || reasonOf(before.error) !== reasonOf(error) };
}

/** Sizes and times in a message change from try to try; the reason does not. */
function reasonOf({ code, message }: TallyError): string {
  return `${code} ${message.replaceAll(/\d+/g, '0')}`;
}

function asTallyError(thrown: unknown): TallyError {
  if (isTallyError(thrown)) return thrown;
  return new TallyError('ANCHOR_FAILED', thrown instanceof Error ? thrown.message : String(thrown), {
    hint: 'it is tried again later; recording goes on',
    cause: thrown,
  });
}

export function stateOf(lane: Lane, behind: number): AnchorState {
  const { anchor, last, failing, running } = lane;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    name: anchor.driver.name,
    type: anchor.driver.type,
    ...(last === undefined ? {} : { last: { size: last.size, at: iso(last.at) } }),
    behind,
    running: running !== undefined,
    ...(failing === undefined
      ? {}
      : {
          failing: {
            code: failing.error.code,
            message: failing.error.message,
            ...(failing.error.hint === undefined ? {} : { hint: failing.error.hint }),
            since: iso(failing.since),
            attempts: failing.attempts,
            retry_at: iso(failing.retryAt),
          },
        }),
  };
}

/** The entry about a receipt names it by its hash: whoever has both knows that the entry came after it. */
export function okMetadata(
  { name, type }: AnchorDriver,
  { size, root, note }: AnchorSubject,
  { suffix, bytes, time }: AnchorReceipt,
): Readonly<Record<string, string | number>> {
  return {
    anchor: name,
    type,
    size,
    root: encodeBase64(root),
    checkpoint_sha256: sha256Hex(note),
    receipt: `${size}.${suffix}`,
    receipt_sha256: sha256Hex(bytes),
    ...(time === undefined ? {} : { time }),
  };
}

export function failMetadata(
  { name, type }: AnchorDriver,
  size: number | undefined,
  { code, message }: TallyError,
): Readonly<Record<string, string | number>> {
  return {
    anchor: name,
    type,
    ...(size === undefined ? {} : { size }),
    code,
    reason: message.slice(0, LIMITS.reasonBytes),
  };
}
