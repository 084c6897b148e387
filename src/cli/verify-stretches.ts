/** Verifies segments of a log directory one by one, each as a stretch of its own. In the main thread or in a worker. */
import { setImmediate } from 'node:timers/promises';
import type { LogReader, Segment } from '../core/ports.ts';
import { TILE_BYTES, TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import {
  createStretchVerifier,
  type LineWatch,
  type Stretch,
  type StretchPass,
} from '../core/tlog/verify-stretch.ts';
import { openPlainSync, readObjectSync } from '../store/file/sync.ts';

/** What all stretches of one verification have in common. Plain data. */
export interface StretchTask {
  readonly directory: string;
  readonly rootsAt: readonly number[];
  readonly keep: readonly number[];
  /** Lines to be shown; see `LineWatch`. */
  readonly every: boolean;
  readonly types: readonly string[];
  readonly payloads: boolean;
}

export interface StretchHost {
  /** In the order of the segment. The bytes are valid during the call. */
  see(line: Uint8Array): void;
  /** Called now and then, with what was read since the last time; whatever it waits for is waited for. */
  pause(bytes: number): Promise<void>;
}

/** `undefined`: something is out of the ordinary. Errors are those of reading. */
export type VerifySegment = (segment: Segment, host: StretchHost) => Promise<Stretch | undefined>;

/** Stretches of segments in the order of the log. */
export interface Segments {
  /** To be called for each segment, one after the other. */
  next(): Promise<Stretch | undefined>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Read between two pauses. */
const PAUSE_BYTES = 8 * 1024 * 1024;

/** `undefined` where stretches cannot be verified. One segment at a time. */
export function createSegmentVerifier(task: StretchTask, reader: LogReader): VerifySegment | undefined {
  const verifier = createStretchVerifier(() => performance.now());
  if (verifier === undefined) return undefined;
  const { directory, rootsAt, keep, every, types, payloads } = task;
  const tile = (index: number): Uint8Array | undefined =>
    readObjectSync(directory, tilePath({ level: 0, index, width: TILE_WIDTH }), TILE_BYTES);

  return async ({ first, bytes, sealed }, host) => {
    if (first % TILE_WIDTH !== 0) return undefined;
    const watch: LineWatch = { every, types, payloads, see: host.see };
    const pass = verifier({ first, tile, rootsAt, keep, watch });
    const file = sealed ? undefined : openPlainSync(directory, first);
    if (file === undefined) return passBlocks(pass, reader, first, host);
    try {
      let unpaused = 0;
      for (let left = bytes; left > 0; ) {
        const read = file.read(pass.room().subarray(0, left));
        // Shorter than a moment ago: somebody cut it.
        if (read === 0 || !pass.take(read)) return undefined;
        left -= read;
        unpaused += read;
        if (unpaused >= PAUSE_BYTES || left === 0) {
          await host.pause(unpaused);
          unpaused = 0;
        }
      }
    } finally {
      file.close();
    }
    return pass.finish();
  };
}

/** A sealed segment, or one that was sealed since it was listed. */
async function passBlocks(
  pass: StretchPass,
  reader: LogReader,
  first: number,
  host: StretchHost,
): Promise<Stretch | undefined> {
  let damaged = false;
  const blocks = reader.read(first, 0, () => {
    damaged = true;
  });
  for await (const block of blocks) {
    if (damaged || !pass.push(block)) return undefined;
    await host.pause(block.length);
  }
  return damaged ? undefined : pass.finish();
}

/** For the main thread, which has other things to do too. */
export const breathe = (): Promise<void> => setImmediate();
