/**
 * What is left of a sealed segment whose table is gone or lies: whole frames of 256 lines, wherever one begins. The work
 * is bounded whatever the file holds.
 */
import type { FileHandle } from 'node:fs/promises';
import { LIMITS } from '../../core/limits.ts';
import type { SegmentDamage } from '../../core/ports.ts';
import { numberAt } from '../../core/query/fields.ts';
import { parseLine } from '../../core/query/line.ts';
import { FRAME_MAGIC, frameEnd } from '../../core/sealed/frame.ts';
import { readFully } from './fs.ts';
import { decompressFrame } from './zstd.ts';

/** A frame of ordinary entries is a tenth of this. */
const WINDOW = 1024 * 1024;
/** Incompressible lines grow by less than this. */
const LONGEST_FRAME = LIMITS.sealedFrameBytes + 1024 * 1024;
const MOST_FRAMES = LIMITS.segmentEntries / LIMITS.tileWidth;
/** Places where a frame seems to begin and none does: chance makes hardly one, an attacker as many as are tried. */
const MOST_ATTEMPTS = 4 * MOST_FRAMES;
const NEWLINE = 0x0a;

/** Tells `onDamage` of the table first, then of every gap between the frames that are found. */
export async function* salvage(
  handle: FileHandle,
  segment: number,
  why: string,
  onDamage: (damage: SegmentDamage) => void,
): AsyncGenerator<Buffer> {
  const end = segment + LIMITS.segmentEntries;
  let expected = segment;
  let found = 0;
  onDamage({ segment, why });
  for await (const lines of framesIn(handle)) {
    const carries = firstIndex(lines) ?? expected;
    if (carries > expected && carries < end)
      onDamage({ segment, why: 'no frame holds these entries', lost: { from: expected, to: carries } });
    expected = Math.max(expected, carries) + LIMITS.tileWidth;
    found++;
    yield lines;
  }
  if (found === 0) onDamage({ segment, why: 'nothing in it can be read', lost: { from: segment } });
}

async function* framesIn(handle: FileHandle): AsyncGenerator<Buffer> {
  let found = 0;
  let place = 0;
  for (let attempts = 0; attempts < MOST_ATTEMPTS && found < MOST_FRAMES; attempts++) {
    place = await nextMagic(handle, place);
    if (place === -1) return;
    const frame = await wholeFrame(handle, place);
    const lines = frame === undefined ? '' : await decompressFrame(frame);
    if (frame === undefined || typeof lines === 'string') {
      place += FRAME_MAGIC.length;
      continue;
    }
    place += frame.length;
    found++;
    yield lines;
  }
}

async function nextMagic(handle: FileHandle, from: number): Promise<number> {
  for (let at = from; ; ) {
    const window = Buffer.allocUnsafe(WINDOW);
    const length = await readFully(handle, window, at);
    const hit = window.subarray(0, length).indexOf(FRAME_MAGIC);
    if (hit !== -1) return at + hit;
    if (length < WINDOW) return -1;
    at += WINDOW - FRAME_MAGIC.length;
  }
}

async function wholeFrame(handle: FileHandle, at: number): Promise<Buffer | undefined> {
  for (const size of [WINDOW, LONGEST_FRAME]) {
    const window = Buffer.allocUnsafe(size);
    const length = await readFully(handle, window, at);
    const end = frameEnd(window.subarray(0, length), 0);
    if (end === -1) return undefined;
    if (end <= length) return window.subarray(0, end);
    if (length < size) return undefined;
  }
  return undefined;
}

function firstIndex(lines: Buffer): number | undefined {
  const parsed = parseLine(lines.subarray(0, lines.indexOf(NEWLINE)));
  return 'entry' in parsed ? numberAt(parsed.entry, 'index') : undefined;
}
