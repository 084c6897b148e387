/**
 * Follows a log while another process writes it: whole lines as they arrive, across segments. Woken by the kernel
 * (fs.watch) and, since that can miss events or not exist on a file system, by a poll as well.
 */
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import type { LineBlock, Place } from '../../core/query/scan.ts';
import { errno, storeError } from './fs.ts';
import { fileReader, segmentName } from './reader.ts';

export type Followed =
  | ({ readonly kind: 'lines' } & LineBlock)
  /** The file under a name is another one now; reading goes on in the new one. */
  | { readonly kind: 'replaced'; readonly name: string }
  /** The file lost bytes that had been read. */
  | { readonly kind: 'truncated'; readonly name: string; readonly from: number; readonly to: number }
  /** A line longer than any entry; it is passed over. */
  | { readonly kind: 'overlong'; readonly name: string; readonly offset: number }
  /** Nothing more for now. */
  | { readonly kind: 'idle' };

export interface FollowOptions {
  /** Where to begin; absent: with the first entry of the log. */
  readonly from?: Place | undefined;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

const POLL_MS = 100;
const BLOCK = 1024 * 1024;
const LONGEST_LINE = LIMITS.entryBytes * 2;
const NEWLINE = 0x0a;

interface Reading {
  readonly first: number;
  readonly handle: FileHandle;
  readonly inode: number;
  /** Where the next line starts. One that is not whole yet is read again later: recovery may cut a torn one off. */
  position: number;
  /** Inside a line that is too long. */
  skipping: boolean;
}

/** Ends when the signal is aborted. The log may not exist yet. */
export async function* follow(directory: string, options: FollowOptions): AsyncGenerator<Followed> {
  const { signal } = options;
  const alarm = createAlarm(join(directory, 'entries'), options.pollMs ?? POLL_MS, signal);
  let place: Place = options.from ?? { first: 0, offset: 0 };
  let reading: Reading | undefined;
  try {
    while (!signal.aborted) {
      reading ??= await begin(directory, place);
      if (reading !== undefined) {
        yield* readNew(reading);
        const changed = await compare(directory, reading);
        if (changed !== undefined) {
          yield changed;
          const again: Place = {
            first: reading.first,
            offset: await offsetAfter(changed, directory, reading),
          };
          await reading.handle.close();
          reading = undefined;
          place = again;
          continue;
        }
      }
      const next = await segmentAfter(directory, place.first);
      if (next !== undefined) {
        if (reading !== undefined) {
          // The writer opens a segment after the last byte of the one before: one more look, then on.
          yield* readNew(reading);
          await reading.handle.close();
          reading = undefined;
        }
        place = { first: next, offset: 0 };
        continue;
      }
      yield { kind: 'idle' };
      await alarm.wait();
    }
  } finally {
    alarm.stop();
    await reading?.handle.close();
  }
}

async function begin(directory: string, { first, offset }: Place): Promise<Reading | undefined> {
  try {
    const handle = await open(join(directory, 'entries', segmentName(first)), 'r');
    const { ino } = await handle.stat();
    return { first, handle, inode: ino, position: offset, skipping: false };
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw storeError(error, `cannot follow segment ${segmentName(first)}`);
  }
}

async function* readNew(reading: Reading): AsyncGenerator<Followed> {
  for (;;) {
    const { first, handle, position: offset } = reading;
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, offset);
    if (bytesRead === 0) return;
    const bytes = buffer.subarray(0, bytesRead);
    const bounds: number[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      if (reading.skipping) reading.skipping = false;
      else bounds.push(start, end);
      start = end + 1;
    }
    reading.position += start;
    if (bounds.length > 0) yield { kind: 'lines', first, offset, bytes, bounds };
    if (bytesRead - start > LONGEST_LINE || reading.skipping) {
      if (!reading.skipping) yield { kind: 'overlong', name: segmentName(first), offset: reading.position };
      reading.skipping = true;
      reading.position = offset + bytesRead;
    } else if (bytesRead < BLOCK) return;
  }
}

/** Whether the file under the name is still the one that is read, with everything that was read. */
async function compare(directory: string, reading: Reading): Promise<Followed | undefined> {
  const name = segmentName(reading.first);
  try {
    const { ino, size } = await stat(join(directory, 'entries', name));
    if (ino !== reading.inode) return { kind: 'replaced', name };
    return size < reading.position
      ? { kind: 'truncated', name, from: reading.position, to: size }
      : undefined;
  } catch (error) {
    if (errno(error) === 'ENOENT') return { kind: 'replaced', name };
    throw storeError(error, `cannot follow segment ${name}`);
  }
}

/** A truncated file goes on at its new end; a new file where the old one was read up to, if it is that long. */
async function offsetAfter(changed: Followed, directory: string, reading: Reading): Promise<number> {
  if (changed.kind === 'truncated') return changed.to;
  try {
    const { size } = await stat(join(directory, 'entries', segmentName(reading.first)));
    return Math.min(size, reading.position);
  } catch {
    // Gone for now; whatever comes under this name is read from its start.
    return 0;
  }
}

async function segmentAfter(directory: string, first: number): Promise<number | undefined> {
  const segments = await fileReader(directory).segments();
  return segments.find((segment) => segment.first > first && segment.bytes > 0)?.first;
}

interface Alarm {
  /** Resolves at the next change, after the poll's time, or when the signal is aborted. */
  wait(): Promise<void>;
  stop(): void;
}

function createAlarm(directory: string, pollMs: number, signal: AbortSignal): Alarm {
  let watcher: FSWatcher | undefined;
  let rung = false;
  let wake: (() => void) | undefined;
  const ring = (): void => {
    rung = true;
    wake?.();
  };
  signal.addEventListener('abort', ring, { once: true });

  function arm(): void {
    if (watcher !== undefined) return;
    try {
      watcher = watch(directory, { persistent: false }, ring);
      watcher.on('error', () => {
        watcher?.close();
        watcher = undefined;
      });
    } catch {
      // Not there yet, or no watching on this file system: the poll does it.
      watcher = undefined;
    }
  }

  arm();
  return {
    async wait() {
      arm();
      if (rung || signal.aborted) {
        rung = false;
        return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = undefined;
      rung = false;
    },
    stop() {
      signal.removeEventListener('abort', ring);
      watcher?.close();
    },
  };
}
