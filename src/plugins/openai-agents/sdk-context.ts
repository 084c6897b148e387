/**
 * The trace and the span that code runs in, by the SDK's own books: the storage that all copies of the SDK in one process
 * share. `getCurrentSpan()` of the SDK reads the same; the plug-in has no copy of the SDK to ask.
 */
import { isObject, type SpanErrorLike } from './types.ts';

const STORAGE = Symbol.for('openai.agents.core.asyncLocalStorage');

export interface Place {
  readonly traceId: string;
  readonly spanId: string | undefined;
  /** Of the span, as it is now. */
  error(): SpanErrorLike | undefined;
}

/** Undefined where no trace is active, and where the SDK keeps its books otherwise than we know them. */
export function placeHere(): Place | undefined {
  const storage: unknown = Reflect.get(globalThis, STORAGE);
  if (!isObject(storage) || typeof storage.getStore !== 'function') return undefined;
  const store: unknown = storage.getStore();
  if (!isObject(store) || store.active !== true || !isObject(store.trace)) return undefined;
  const { traceId } = store.trace;
  const span = isObject(store.span) ? store.span : undefined;
  if (typeof traceId !== 'string') return undefined;
  return {
    traceId,
    spanId: typeof span?.spanId === 'string' ? span.spanId : undefined,
    error() {
      const error = span?.error;
      return isObject(error) && typeof error.message === 'string'
        ? (error as unknown as SpanErrorLike)
        : undefined;
    },
  };
}
