/** Spans that are on record, so that what comes later can name them. Bounded; the oldest are forgotten. */
import { LIMITS } from '../../core/limits.ts';

export interface KnownSpan {
  /** The entry that a child names as its parent. */
  readonly entry: string;
  /** The agent whose invocation it is in, or that it is. */
  readonly agent?: string;
  /** It is in the invocation of an agent, or is one. */
  readonly inAgent: boolean;
}

export interface KnownSpans {
  find(traceId: string, spanId: string): KnownSpan | undefined;
  remember(traceId: string, spanId: string, span: KnownSpan): void;
}

export function knownSpans(): KnownSpans {
  const known = new Map<string, KnownSpan>();
  return {
    find: (traceId, spanId) => known.get(`${traceId}${spanId}`),
    remember(traceId, spanId, span) {
      known.set(`${traceId}${spanId}`, span);
      const [oldest] = known.keys();
      if (known.size > LIMITS.otlpSpans && oldest !== undefined) known.delete(oldest);
    },
  };
}
