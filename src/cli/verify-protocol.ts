/** What the main thread and the workers of a verification tell each other. */
import type { ErrorCode } from '../core/error.ts';
import type { Segment } from '../core/ports.ts';
import type { Stretch } from '../core/tlog/verify-stretch.ts';

/** From a worker, about the segment that it was given last. */
export type FromWorker =
  | { readonly kind: 'read'; readonly bytes: number }
  /** Lines to be shown, each ended by a newline. To be answered by `Shown` when they have been. */
  | { readonly kind: 'lines'; readonly lines: Uint8Array }
  | { readonly kind: 'stretch'; readonly stretch: Stretch | undefined }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string };

export type ToWorker = { readonly kind: 'segment'; readonly segment: Segment } | { readonly kind: 'shown' };

/** Blocks of lines that a worker has under way; beyond it the worker waits until its turn to be listened to has come. */
export const LINES_AHEAD = 4;
