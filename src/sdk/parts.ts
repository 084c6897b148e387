/** Parts of events out of whatever a program hands over: bounded, well-formed, and never a reason to throw. */
import { types } from 'node:util';
import type { Outcome, PayloadData } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import { cutText } from '../core/payload/cut.ts';
import type { Redactor } from '../core/redact/redact.ts';
import { type Captured, capture, dataMember } from './capture.ts';
import type { Usage } from './types.ts';

/** Of an error, what its entry says. */
const ERROR_BYTES = 1_024;
const KIND_CHARS = 64;

export function idText(value: unknown, otherwise: string): string {
  const text = typeof value === 'string' ? value.toWellFormed() : '';
  return text === '' ? otherwise : text.slice(0, LIMITS.idChars).toWellFormed();
}

export function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text.slice(0, most).toWellFormed());
  return Buffer.from(cutText(bytes, most)).toString('utf8');
}

export interface Maker {
  /** A free object of an event, or nothing; within its bound whatever it is. */
  free(value: unknown, more?: Record<string, unknown>): Record<string, unknown> | undefined;
  reason(value: unknown): string | undefined;
  /** Undefined for undefined: there is nothing to keep. */
  payload(kind: string, value: unknown, subject: unknown): Made | undefined;
  /** What the recorder hashes, and rules read. */
  args(value: unknown): Captured;
  /** What a person who is asked gets to see, where redaction of this program says otherwise than the arguments. */
  shown(value: unknown): unknown;
  failure(error: unknown): Pick<Outcome, 'error_kind' | 'error'>;
}

export interface Made {
  readonly payload: PayloadData;
  readonly leftOut: Captured | undefined;
}

export function createMaker(current: () => Redactor | undefined): Maker {
  const clean = <T>(value: T): T => current()?.redactValue(value).value ?? value;
  const cleanText = (text: string): string => current()?.redactText(text).value ?? text;

  function fitted(value: unknown, bytes: number): Captured {
    let room = bytes;
    for (;;) {
      const captured = capture(value, room);
      const size = Buffer.byteLength(JSON.stringify(captured.value));
      if (size <= bytes) return captured;
      // Characters of several bytes, escapes, and the marks themselves.
      room = Math.floor((room * bytes) / (2 * size));
      if (room < 64)
        return {
          value: { $left_out: 'all of it' },
          whole: false,
          leftOut: ['/: all of it'],
          leftOutCount: 1,
        };
    }
  }

  return {
    free(value, more = {}) {
      const isObject = typeof value === 'object' && value !== null;
      const told = value === undefined ? {} : isObject ? value : { value };
      const captured = fitted(told, LIMITS.sdkFreeObjectBytes);
      const plain =
        typeof captured.value === 'object' && captured.value !== null && !Array.isArray(captured.value)
          ? captured.value
          : { value: captured.value };
      const members = {
        ...clean(withoutOwn(plain)),
        ...more,
        ...(captured.leftOutCount === 0 ? {} : { left_out: leftOutOf(captured) }),
      };
      return Object.keys(members).length === 0 ? undefined : members;
    },
    reason: (value) =>
      typeof value === 'string' && value !== '' ? cutBytes(cleanText(value), LIMITS.reasonBytes) : undefined,
    payload(kind, value, subject) {
      if (value === undefined) return undefined;
      const about = {
        class: kind,
        ...(typeof subject === 'string' && subject !== '' ? { subject: idText(subject, 'unnamed') } : {}),
      };
      if (typeof value === 'string' && Buffer.byteLength(value) <= LIMITS.sdkPayloadBytes) {
        const data = cleanText(value.toWellFormed());
        return { payload: { ...about, media_type: 'text/plain', data }, leftOut: undefined };
      }
      if (typeof value === 'string') {
        const data = cutBytes(cleanText(value.slice(0, 4 * LIMITS.sdkPayloadBytes)), LIMITS.sdkPayloadBytes);
        const leftOut = capture(value, LIMITS.sdkTextChars);
        return {
          payload: { ...about, media_type: 'text/plain', data },
          leftOut: { ...leftOut, leftOutCount: 1 },
        };
      }
      const captured = fitted(value, LIMITS.sdkPayloadBytes);
      const data = JSON.stringify(clean(captured.value));
      return { payload: { ...about, media_type: 'application/json', data }, leftOut: captured };
    },
    args: (value) => fitted(value, LIMITS.sdkArgumentsBytes),
    shown: (value) => (current() === undefined ? undefined : clean(value)),
    failure(error) {
      const [kind, text] = wordsOf(error);
      return { error_kind: idText(cleanText(kind), 'error'), error: cutBytes(cleanText(text), ERROR_BYTES) };
    },
  };
}

/** Names by which the recorder says how an entry came about, which it refuses from others. */
const OWN: ReadonlySet<string> = new Set(['imported', 'tenant_named']);

function withoutOwn(members: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [OWN.has(name) ? `${name}_` : name, value]),
  );
}

export function leftOutOf({ leftOutCount, leftOut }: Captured): Record<string, unknown> {
  return { count: leftOutCount, places: leftOut.map((place) => place.slice(0, 128)) };
}

/** Without asking the error: its members may be accessors, and it may be anything. */
function wordsOf(error: unknown): readonly [string, string] {
  if (typeof error === 'string') return ['error', error];
  if (typeof error !== 'object' || error === null || types.isProxy(error))
    return ['error', typeof error === 'symbol' || typeof error === 'object' ? typeof error : String(error)];
  // Its members are accessors of its class, which are Node's own.
  if (error instanceof DOMException) return [error.name, error.message];
  const of = (name: string): string | undefined => {
    const found = dataMember(error, name);
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const kind = of('code') ?? of('name') ?? 'error';
  return [kind.slice(0, KIND_CHARS), of('message') ?? kind];
}

/** By what the error says of itself: an aborted action, one that took too long, or one that failed. */
export function statusOf(error: unknown, signal: AbortSignal | undefined): 'aborted' | 'timeout' | 'error' {
  const isReadable = typeof error === 'object' && error !== null && !types.isProxy(error);
  // DOMException has its members as accessors of its class, which are Node's own.
  const own = error instanceof DOMException ? error.name : undefined;
  const name = own ?? (isReadable ? dataMember(error, 'name') : undefined);
  const code = isReadable ? dataMember(error, 'code') : undefined;
  if (name === 'TimeoutError' || code === 'ETIMEDOUT') return 'timeout';
  if (name === 'AbortError' || code === 'ABORT_ERR') return 'aborted';
  if (signal?.aborted === true) return isTimeout(signal.reason) ? 'timeout' : 'aborted';
  return 'error';
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

export function usageOf(usage: Usage | undefined): Pick<Outcome, 'usage'> {
  if (typeof usage !== 'object' || usage === null) return {};
  const count = (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const { inputTokens, outputTokens, costUsd } = usage;
  const input_tokens = count(inputTokens);
  const output_tokens = count(outputTokens);
  const cost_usd =
    typeof costUsd === 'number' && Number.isFinite(costUsd) && costUsd >= 0 && costUsd <= 1e9
      ? costUsd
      : undefined;
  const known = Object.entries({ input_tokens, output_tokens, cost_usd }).filter(
    ([, value]) => value !== undefined,
  );
  return known.length === 0 ? {} : { usage: Object.fromEntries(known) };
}
