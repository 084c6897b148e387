/** Nobody records. A log that was tampered with is no outage: nothing goes on beside it. */
import { type ErrorCode, TallyError } from './error.ts';

const OUTAGES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'RECORDER_UNAVAILABLE',
  'LOG_LOCKED',
  'LOG_UNREADABLE',
  'LOG_READ_ONLY',
  'LOG_WRITE_FAILED',
  'LOG_FULL',
  'LOG_CLOSED',
]);

export function isOutage(error: unknown): error is TallyError {
  return error instanceof TallyError && OUTAGES.has(error.code);
}
