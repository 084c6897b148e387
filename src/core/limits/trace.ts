/** W3C trace context, which callers send and we send on. */
export const TRACE_LIMITS = {
  /** A later version of traceparent may be longer than the 55 characters of this one; nobody's needs more than this. */
  traceparentChars: 512,
  /** Vendors have to pass on 512 characters of tracestate; more than this is somebody using it to carry other things. */
  tracestateChars: 4_096,
  /** Members of a tracestate, as W3C Trace Context section 3.3.1.1 has it. */
  tracestateMembers: 32,
} as const;
