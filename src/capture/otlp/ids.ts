/**
 * Ids of entries follow from what was sent and by whom: a sender that tries again, because an answer was lost, gets the
 * entries that are there. Another caller, or another content under the same span, has ids of its own: nobody can keep a
 * span out of the log by sending one of its name first.
 */
import { sha256, sha256Hex } from '../../core/hash.ts';
import { encodeCrockford } from '../../core/ulid.ts';
import type { Item, LogRecord, Nanos, Span } from './model.ts';

/** Bytes after the 48 bits of time. */
const RANDOM_BYTES = 10;
const MOST_MS = 2n ** 48n - 1n;

function idOf(time: Nanos, text: string): string {
  const ms = time / 1_000_000n;
  return `log_${encodeCrockford(Number(ms > MOST_MS ? MOST_MS : ms), sha256(text).subarray(0, RANDOM_BYTES))}`;
}

/** Serialised once, however many spans stand in it: a sender could make it long. */
const digests = new WeakMap<object, string>();

function digestOf(of: object): string {
  const before = digests.get(of);
  if (before !== undefined) return before;
  const text = JSON.stringify(of, (_name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const digest = sha256Hex(text);
  digests.set(of, digest);
  return digest;
}

/** What is the same in every try. */
export function spanDigest({ resource, scope, record }: Item<Span>, caller: string): string {
  return [caller, digestOf(resource.attributes), digestOf(scope), digestOf(record)].join('\n');
}

/** `part`: which of the entries of one span, from 0. */
export function spanEntryId({ start }: Span, digest: string, part: number): string {
  return idOf(start, `tallystick otlp span v1\n${digest}\n${part}\n`);
}

export interface LogRequest {
  readonly sha256: string;
  readonly caller: string;
  /** Of this very request, also when the same one comes again. */
  readonly unique: string;
}

/**
 * Two records may say the same: it is the request that comes again, so the place in it counts. A record that says no time
 * may be another one with the same words, and is never taken for one that came before.
 */
export function logEntryId(
  { time, observed }: LogRecord,
  request: LogRequest,
  at: number,
  part: number,
): string {
  const isTimed = time !== 0n || observed !== 0n;
  const of = isTimed ? request.sha256 : request.unique;
  const text = `tallystick otlp log v1\n${request.caller}\n${of}\n${at}\n${part}\n`;
  return idOf(time === 0n ? observed : time, text);
}
