/** Nobody records. A log that was tampered with is no outage: nothing goes on beside it. */
import { isTallyError } from '../../core/error.ts';

const OUTAGES: ReadonlySet<string> = new Set([
  'RECORDER_UNAVAILABLE',
  'LOG_LOCKED',
  'LOG_READ_ONLY',
  'LOG_WRITE_FAILED',
  'LOG_FULL',
  'LOG_CLOSED',
]);

export function isOutage(error: unknown): boolean {
  return isTallyError(error) && OUTAGES.has(error.code);
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
