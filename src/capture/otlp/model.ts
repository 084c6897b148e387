/**
 * Spans and log records as they are after decoding, whichever of the two encodings they came in. Values are JSON: texts
 * are well-formed, numbers finite, and nothing is nested deeper than LIMITS.otlpDepth.
 */
import type { Json } from '../../core/json.ts';

/** Asked with Object.hasOwn: a name may be anything. */
export type Attributes = Readonly<Record<string, Json>>;

export interface Resource {
  readonly attributes: Attributes;
}

export interface Scope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
}

/** Nanoseconds since the epoch, decimal; `0` when it was not said. A double cannot hold them. */
export type Nanos = bigint;

export interface SpanEvent {
  readonly name: string;
  readonly time: Nanos;
  readonly attributes: Attributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span {
  /** Lower-case hex of 16 and 8 bytes; not all zero. */
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 0 to 5 as in the protocol; any other number is kept. */
  readonly kind: number;
  readonly start: Nanos;
  readonly end: Nanos;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** What the sender says it left out itself. */
  readonly dropped: number;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
}

export interface LogRecord {
  readonly time: Nanos;
  readonly observed: Nanos;
  readonly severity: number;
  readonly severityText: string;
  readonly body: Json;
  readonly attributes: Attributes;
  readonly dropped: number;
  /** '' when there is none. */
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  /** The low eight bits are those of W3C trace context. */
  readonly flags: number;
}

/** One span or record with what stands around it. */
export interface Item<T> {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly record: T;
}

export interface Decoded<T> {
  readonly items: readonly Item<T>[];
  /** Those that are none: without ids, or more than LIMITS.otlpRecords. */
  readonly refused: number;
  /** Why the first of them was. */
  readonly why?: string;
}

/** In place of what was not taken over, as the SDK writes it. */
export const LEFT_OUT = '$left_out';
