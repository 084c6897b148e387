/**
 * Follows a log while another process writes it: whole lines as they arrive, across segments. Woken by the kernel
 * (fs.watch) and, since that can miss events or not exist on a file system, by a poll as well.
 */
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import type { LineBlock, Place } from '../../core/query/scan.ts';
import { errno, readError } from './fs.ts';
import { listSegments, plainSize, sealedName, segmentName } from './names.ts';
import { openSegmentFile } from './segment.ts';
import type { SegmentFile } from './segment-file.ts';

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
  readonly file: SegmentFile;
  /** Where the next line starts. One that is not whole yet is read again later: recovery may cut a torn one off. */
  position: number;
  /** Inside a line that is too long. */
  skipping: boolean;
}

/** Ends when the signal is aborted. The log may not exist yet. */
export async function* follow(directory: string, options: FollowOptions): AsyncGenerator<Followed> {
  const { signal } = options;
  const entries = join(directory, 'entries');
  const alarm = createAlarm(entries, options.pollMs ?? POLL_MS, signal);
  let place: Place = options.from ?? { first: 0, offset: 0 };
  let reading: Reading | undefined;
  try {
    while (!signal.aborted) {
      reading ??= await begin(entries, place);
      if (reading !== undefined) {
        yield* readNew(reading);
        const changed = await compare(entries, reading);
        if (changed !== undefined) {
          yield changed;
          const again: Place = {
            first: reading.file.first,
            offset: await offsetAfter(changed, entries, reading),
          };
          await reading.file.close();
          reading = undefined;
          place = again;
          continue;
        }
      }
      const next = await segmentAfter(entries, place.first);
      if (next !== undefined) {
        if (reading !== undefined) {
          // The writer opens a segment after the last byte of the one before: one more look, then on.
          yield* readNew(reading);
          await reading.file.close();
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
    await reading?.file.close();
  }
}

async function begin(entries: string, { first, offset }: Place): Promise<Reading | undefined> {
  const file = await openSegmentFile(entries, first);
  return file === undefined ? undefined : { file, position: offset, skipping: false };
}

async function* readNew(reading: Reading): AsyncGenerator<Followed> {
  for (;;) {
    const { file, position: offset } = reading;
    const { first } = file;
    const bytes = await file.readAt(offset, BLOCK);
    if (bytes.length === 0) return;
    let bounds: number[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      if (reading.skipping) reading.skipping = false;
      else if (end - start <= LONGEST_LINE) bounds.push(start, end);
      else {
        if (bounds.length > 0) yield { kind: 'lines', first, offset, bytes, bounds };
        bounds = [];
        yield { kind: 'overlong', name: segmentName(first), offset: offset + start };
      }
      start = end + 1;
    }
    reading.position += start;
    if (bounds.length > 0) yield { kind: 'lines', first, offset, bytes, bounds };
    if (bytes.length - start > LONGEST_LINE || reading.skipping) {
      if (!reading.skipping) yield { kind: 'overlong', name: segmentName(first), offset: reading.position };
      reading.skipping = true;
      reading.position = offset + bytes.length;
    } else if (bytes.length < BLOCK) return;
  }
}

/** Whether what lies under the name is still what is read, with everything that was read. */
async function compare(entries: string, { file, position }: Reading): Promise<Followed | undefined> {
  const name = file.sealed ? sealedName(file.first) : segmentName(file.first);
  const replaced: Followed = { kind: 'replaced', name };
  try {
    const { ino, size } = await stat(join(entries, name));
    if (ino !== file.inode) return replaced;
    return file.sealed || size >= position
      ? undefined
      : { kind: 'truncated', name, from: position, to: size };
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw readError(error, `cannot follow ${join(entries, name)}`);
    return file.sealed || !(await sealedInstead(entries, file)) ? replaced : undefined;
  }
}

/**
 * Whether the writer sealed the plain file that is read: then a sealed one of as many bytes lies there, and the rest is
 * read from the open file, which nobody can change any more. Whether they are the same bytes is for verification to say.
 */
async function sealedInstead(entries: string, plain: SegmentFile): Promise<boolean> {
  const file = await openSegmentFile(entries, plain.first);
  if (file === undefined) return false;
  try {
    return file.sealed && (await file.size()) === (await plain.size());
  } finally {
    await file.close();
  }
}

/** A truncated file goes on at its new end; a new file where the old one was read up to, if it is that long. */
async function offsetAfter(changed: Followed, entries: string, { file, position }: Reading): Promise<number> {
  if (changed.kind === 'truncated') return changed.to;
  const now = await openSegmentFile(entries, file.first);
  // Gone for now; whatever comes under this name is read from its start.
  if (now === undefined) return 0;
  try {
    return Math.min(await now.size(), position);
  } finally {
    await now.close();
  }
}

async function segmentAfter(entries: string, first: number): Promise<number | undefined> {
  for (const next of await listSegments(entries)) {
    if (next.first <= first) continue;
    if (next.sealed || ((await plainSize(entries, next.first)) ?? 0) > 0) return next.first;
  }
  return undefined;
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
