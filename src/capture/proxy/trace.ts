/**
 * The W3C trace that a call belongs to (spec/broker.md). A caller's own context goes upstream as it came: nobody is
 * shown a span of ours, so a span id of ours in its place would cut the caller's trace in two. A call that says nothing,
 * or nothing that can be read, gets a context of its own, so that an upstream's log leads to our entry.
 */
import { randomFillSync } from 'node:crypto';
import type { Event } from '../../core/entry.ts';
import {
  formatTraceparent,
  isTracestate,
  readTraceparent,
  type TraceContext,
} from '../../core/trace-context.ts';

export interface CallTrace {
  readonly trace: TraceContext;
  /** The caller's context is the caller's word; one that took the place of a malformed one is no part of its trace. */
  readonly quality: NonNullable<Event['quality']>;
  /** Headers for the upstream: name, value, name, value… */
  readonly forward: readonly string[];
}

const OURS: CallTrace['quality'] = {};
const THEIRS: CallTrace['quality'] = { trace: 'asserted' };
const REPLACED: CallTrace['quality'] = { trace: 'inferred' };

/** `forward`: the headers that would go upstream. `make`: a context that is used nowhere else. */
export function traceOf(forward: readonly string[], make: () => TraceContext): CallTrace {
  const parents: string[] = [];
  const states: string[] = [];
  for (let i = 0; i + 1 < forward.length; i += 2) {
    const name = forward[i] as string;
    // Most headers have another length, which costs nothing to see.
    if (name.length === 11 && name.toLowerCase() === 'traceparent') parents.push(forward[i + 1] as string);
    else if (name.length === 10 && name.toLowerCase() === 'tracestate') states.push(forward[i + 1] as string);
  }
  const said = readTraceparent(parents);
  if (said.kind === 'valid') {
    const kept = isTracestate(states) ? forward : without(forward, (name) => name === 'tracestate');
    return { trace: said.context, quality: THEIRS, forward: kept };
  }
  const trace = make();
  // A tracestate belongs to its traceparent: alone it says nothing (section 3.3).
  const replaced = said.kind === 'malformed' || states.length > 0;
  const kept = replaced
    ? without(forward, (name) => name === 'traceparent' || name === 'tracestate')
    : forward;
  return {
    trace,
    quality: said.kind === 'malformed' ? REPLACED : OURS,
    forward: [...kept, 'traceparent', formatTraceparent(trace)],
  };
}

function without(headers: readonly string[], dropped: (name: string) => boolean): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!dropped(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

const TRACE_BYTES = 16;
const BOTH_BYTES = 24;
/** Asked of the system for many calls at once: one question a call would cost more than all the rest of this file. */
const pool = Buffer.alloc(BOTH_BYTES * 256);
let used = pool.length;

/** All bytes zero, which no context may be, happens once in 2^64 calls and is asked for again. */
export function newTrace(): TraceContext {
  for (;;) {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const trace_id = pool.toString('hex', used, used + TRACE_BYTES);
    const span_id = pool.toString('hex', used + TRACE_BYTES, used + BOTH_BYTES);
    used += BOTH_BYTES;
    if (!/^0+$/.test(span_id) && !/^0+$/.test(trace_id)) return { trace_id, span_id };
  }
}
