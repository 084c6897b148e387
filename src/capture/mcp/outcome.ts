/** How a call ended, out of what was said of it. */
import type { Outcome, PayloadData } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { condense } from './condense.ts';

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of an answer. */
export function outcomeOf(result: unknown, error: unknown): Outcome {
  if (error !== undefined) {
    const { code, message } = isObject(error) ? error : {};
    return {
      status: 'error',
      error_kind: typeof code === 'number' ? `jsonrpc_${code}` : 'jsonrpc_error',
      ...(typeof message === 'string'
        ? { error: message.slice(0, LIMITS.mcpErrorChars).toWellFormed() }
        : {}),
    };
  }
  if (!isObject(result) || result.isError !== true) return { status: 'ok' };
  const first = Array.isArray(result.content) ? (result.content as unknown[]).find(isText) : undefined;
  const text = first?.text.slice(0, LIMITS.mcpErrorChars).toWellFormed();
  return { status: 'error', error_kind: 'tool_error', ...(text === undefined ? {} : { error: text }) };
}

const isText = (one: unknown): one is { readonly text: string } =>
  isObject(one) && typeof one.text === 'string';

/** Clients say of a call they gave up on why they did. */
const TIMED_OUT = /time[d -]*out/i;

/** `cancelledWith`: what the client said when it cancelled; absent when it just left. */
export function abortedOutcome({
  cancelledWith,
}: {
  readonly cancelledWith?: { readonly reason: string | undefined };
}): Outcome {
  const reason = cancelledWith?.reason?.slice(0, LIMITS.mcpErrorChars).toWellFormed();
  const isTimeout = reason !== undefined && TIMED_OUT.test(reason);
  return {
    status: isTimeout ? 'timeout' : 'aborted',
    error_kind: cancelledWith === undefined ? 'client_left' : isTimeout ? 'client_timeout' : 'cancelled',
    ...(reason === undefined ? {} : { error: reason }),
  };
}

/** The result will come by other requests. */
export const aboutResult = (result: unknown): Members =>
  isObject(result) && isObject(result.task) && result.content === undefined ? { task: 'started' } : {};

export function payloadOf(result: unknown): PayloadData {
  const { value } = condense(result, LIMITS.mcpPayloadBytes);
  return { media_type: 'application/json', class: 'result', data: JSON.stringify(value) };
}
