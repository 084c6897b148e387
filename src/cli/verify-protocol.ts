/** What the main thread and the workers of a verification tell each other. */
import type { ErrorCode } from '../core/error.ts';
import type { Segment } from '../core/ports.ts';
import type { Stretch } from '../core/tlog/verify-stretch.ts';

/** From a worker, about the segment that it was given last. */
export type FromWorker =
  | { readonly kind: 'read'; readonly bytes: number }
  /** Lines to be shown, each ended by a newline. To be answered by `Shown` when they have been. */
  | { readonly kind: 'lines'; readonly lines: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'stretch'; readonly stretch: Stretch | undefined }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string };

export type ToWorker =
  | { readonly kind: 'segment'; readonly segment: Segment }
  /** The memory of a block of lines goes back: dead blocks would pile up until somebody collected them. */
  | { readonly kind: 'shown'; readonly memory: ArrayBuffer };

/** One block of lines; the longest line fits. */
export const LINES_BYTES = 1024 * 1024;

/** Blocks that a worker may have under way when it reads on; beyond it, it waits until it is listened to. */
export const LINES_AHEAD = 8;
