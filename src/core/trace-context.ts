/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context-1/): which trace a call belongs to, as its caller says. Strict,
 * because what is taken over is recorded and sent on: another reader must not see another trace in it than we do.
 */
import { LIMITS } from './limits.ts';

export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly trace_id: string;
  /** 16 lower-case hex digits, not all zero. Of a caller's context: the span that made this call. */
  readonly span_id: string;
}

/** Nothing was said; what was said can be used; or it cannot, and nobody may guess what was meant. */
export type TraceSaid =
  | { readonly kind: 'absent' }
  | { readonly kind: 'valid'; readonly context: TraceContext }
  | { readonly kind: 'malformed' };

const ABSENT: TraceSaid = { kind: 'absent' };
const MALFORMED: TraceSaid = { kind: 'malformed' };

/** §3.2.2: version, trace-id, parent-id, flags; a later version may append fields after one more "-". */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const ZERO = /^0+$/;

/** Without the optional white space around it (RFC 9110 section 5.6.3), in one pass whatever the text is. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x09;

/** `values`: of every header `traceparent`, in order. More than one is none that could be believed. */
export function readTraceparent(values: readonly string[]): TraceSaid {
  const [value] = values;
  if (value === undefined) return ABSENT;
  if (values.length > 1 || value.length > LIMITS.traceparentChars) return MALFORMED;
  const [, version, trace_id = '', span_id = '', more] = TRACEPARENT.exec(trimmed(value)) ?? [];
  if (version === undefined || version === 'ff' || ZERO.test(trace_id) || ZERO.test(span_id))
    return MALFORMED;
  // Version 00 ends with its flags.
  if (version === '00' && more !== undefined) return MALFORMED;
  return { kind: 'valid', context: { trace_id, span_id } };
}

/** §3.3.1.3. */
const KEY = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
/** Printable ASCII but "," and "=", and no space at the end. */
const VALUE = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;

/** `values`: of every header `tracestate`, in order; they are one list. Without one there is nothing to be wrong. */
export function isTracestate(values: readonly string[]): boolean {
  const text = values.join(',');
  if (text.length > LIMITS.tracestateChars) return false;
  const keys = new Set<string>();
  // Empty members are allowed and count for nothing (§3.3.1.1).
  for (const member of text.split(',').map(trimmed)) {
    if (member === '') continue;
    const at = member.indexOf('=');
    const key = member.slice(0, Math.max(0, at));
    if (!KEY.test(key) || !VALUE.test(member.slice(at + 1)) || keys.has(key)) return false;
    keys.add(key);
  }
  return keys.size <= LIMITS.tracestateMembers;
}

/** Version 00, not sampled: nobody asked us to have it recorded elsewhere. */
export function formatTraceparent({ trace_id, span_id }: TraceContext): string {
  return `00-${trace_id}-${span_id}-00`;
}
