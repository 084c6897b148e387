/**
 * Seals a segment: its lines, 256 to a zstd frame, in a file of their own that takes the plain one's place.
 *
 * 1 the frames and their table are written beside   2 fsync   3 read back frame by frame and compared with the plain
 * file   4 rename   5 fsync of the directory   6 the plain file is removed   7 fsync of the directory
 *
 * Crash before 4: the plain file, and a file beside it that the next attempt overwrites. Before 6 is durable: both; the
 * plain one counts until the next attempt has compared them, and neither is touched when they differ. So at each step one
 * form is whole. Compression runs in the thread pool: the event loop is held for a frame's worth of copying at a time.
 */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { cannotSeal } from '../../core/sealed/refusal.ts';
import { encodeSeekTable } from '../../core/sealed/table.ts';
import { errno, FILE_MODE, syncDirectory, writeAll } from './fs.ts';
import { sealedName, segmentName } from './names.ts';
import { openPlainFile, openSealedFile } from './segment.ts';
import type { SegmentFile } from './segment-file.ts';
import { compressFrame } from './zstd.ts';

const NEWLINE = 0x0a;
/** Written at once: some ten frames. */
const WRITE_BYTES = 512 * 1024;

/** The contract of `LogStore.seal`. */
export async function sealSegment(entries: string, first: number, signal?: AbortSignal): Promise<void> {
  const plain = await openPlainFile(entries, first);
  if (plain === undefined) return finished(entries, first);
  try {
    const sealed = await openSealedFile(entries, first);
    if (sealed === undefined) await makeSealed(entries, plain, signal);
    // No crash leaves that: what has the name was compared before. One of them was put there, perhaps out of a backup,
    // and the other may be all that is left of the entries.
    else if (!(await holdsTheSame(plain, sealed, signal)))
      throw cannotSeal(first, `${sealedName(first)} lies beside it and is not the same`);
    // Also when an earlier attempt had renamed it: nobody knows whether that is durable.
    await syncDirectory(entries);
  } finally {
    await plain.close();
  }
  await unlink(join(entries, segmentName(first)));
  await syncDirectory(entries);
}

/** The plain form is gone, perhaps not durably so: the step that a crash may have taken is done again. */
async function finished(entries: string, first: number): Promise<void> {
  const sealed = await openSealedFile(entries, first);
  if (sealed === undefined) throw cannotSeal(first, 'it is not there');
  await sealed.close();
  await syncDirectory(entries);
}

async function makeSealed(
  entries: string,
  plain: SegmentFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { first } = plain;
  const path = join(entries, sealedName(first));
  const beside = `${path}.tmp`;
  try {
    const target = await open(beside, 'w', FILE_MODE);
    try {
      await writeFrames(target, plain, signal);
      await target.sync();
    } finally {
      await target.close();
    }
    const written = await openSealedFile(entries, first, beside);
    if (written === undefined || !(await holdsTheSame(plain, written, signal)))
      throw cannotSeal(first, 'what was written does not read back as what it was made from');
    await rename(beside, path);
  } catch (error) {
    // A full disk is not helped by half a file.
    await unlink(beside).catch((cleanup: unknown) => {
      if (errno(cleanup) !== 'ENOENT') throw new AggregateError([error, cleanup], `cannot write ${beside}`);
    });
    throw error;
  }
}

async function writeFrames(
  target: FileHandle,
  plain: SegmentFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sizes: { length: number; bytes: number }[] = [];
  let waiting: Buffer[] = [];
  let waitingBytes = 0;

  async function write(bytes: Uint8Array): Promise<void> {
    waiting.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    waitingBytes += bytes.length;
    if (waitingBytes < WRITE_BYTES) return;
    await flush();
  }

  async function flush(): Promise<void> {
    await writeAll(target, Buffer.concat(waiting));
    // A few megabytes flushed at once would hold up every append beside them for as long as the disk takes for all.
    await target.datasync();
    waiting = [];
    waitingBytes = 0;
  }

  for await (const lines of framesOf(plain)) {
    signal?.throwIfAborted();
    const frame = await compressFrame(lines);
    sizes.push({ length: frame.length, bytes: lines.length });
    await write(frame);
  }
  if (sizes.length === 0) throw cannotSeal(plain.first, 'it is empty');
  await write(encodeSeekTable(sizes));
  await flush();
}

/** 256 lines at a time. Errors: `LOG_DAMAGED` when the segment is not a whole number of them, at most 65,536 lines. */
async function* framesOf(plain: SegmentFile): AsyncGenerator<Buffer> {
  let carry: Buffer = Buffer.alloc(0);
  /** Whole lines in `carry`, and where they end. */
  let lines = 0;
  let end = 0;
  let frames = 0;
  for await (const block of plain.blocks(0)) {
    const bytes = carry.length === 0 ? block : Buffer.concat([carry, block]);
    let start = 0;
    for (let at = bytes.indexOf(NEWLINE, end); at !== -1; at = bytes.indexOf(NEWLINE, end)) {
      end = at + 1;
      if (++lines < LIMITS.tileWidth) continue;
      if (++frames > LIMITS.segmentEntries / LIMITS.tileWidth)
        throw cannotSeal(plain.first, `it holds more than ${LIMITS.segmentEntries} lines`);
      yield bytes.subarray(start, end);
      start = end;
      lines = 0;
    }
    carry = Buffer.from(bytes.subarray(start));
    end -= start;
    if (carry.length > LIMITS.sealedFrameBytes)
      throw cannotSeal(plain.first, 'its lines are longer than entries can be');
  }
  if (carry.length > 0) throw cannotSeal(plain.first, `it is no multiple of ${LIMITS.tileWidth} whole lines`);
}

/** False for a sealed file that cannot be read or holds something else. Closes it. */
async function holdsTheSame(
  plain: SegmentFile,
  sealed: SegmentFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    let position = 0;
    for await (const lines of sealed.blocks(0)) {
      signal?.throwIfAborted();
      if (!lines.equals(await plain.readAt(position, lines.length))) return false;
      position += lines.length;
    }
    return position === (await plain.size());
  } catch (error) {
    if (error instanceof TallyError && error.code === 'LOG_DAMAGED') return false;
    throw error;
  } finally {
    await sealed.close();
  }
}
