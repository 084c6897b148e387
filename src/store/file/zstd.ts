/** One frame of a sealed segment, compressed and taken apart again in the thread pool. */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { LIMITS } from '../../core/limits.ts';
import { frameEnd } from '../../core/sealed/frame.ts';
import { errno } from './fs.ts';

const compressAsync = promisify(zstdCompress);
const decompressAsync = promisify(zstdDecompress);

/** Entries of calls take no less at the levels up to 12, and four times the time from 5 on: hashes and ids are most of what is left. */
const LEVEL = 1;
/** 2 to this power is `LIMITS.sealedFrameBytes`: a frame of ours never looks back further, a hostile one may not. */
const WINDOW_LOG = 24;
const NEWLINE = 0x0a;

/** With the content's size and a checksum of it in the frame. */
export function compressFrame(lines: Uint8Array): Promise<Buffer> {
  return compressAsync(lines, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: lines.length,
  });
}

/**
 * The lines of one frame, or what is wrong with it. `frame` must be one whole zstd frame and nothing else: the decoder
 * stops after the first one and says nothing of bytes behind it. It must hold 256 lines.
 */
export async function decompressFrame(frame: Uint8Array, expected?: number): Promise<Buffer | string> {
  if (frameEnd(frame, 0) !== frame.length) return 'it is not one whole zstd frame';
  let lines: Buffer;
  try {
    lines = await decompressAsync(frame, {
      maxOutputLength: expected ?? LIMITS.sealedFrameBytes,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
      ...(expected === undefined ? {} : { chunkSize: Math.max(constants.Z_MIN_CHUNK, expected) }),
    });
  } catch (error) {
    return `it does not decompress (${errno(error) ?? 'unknown error'})`;
  }
  if (expected !== undefined && lines.length !== expected)
    return 'it holds another number of bytes than its table says';
  const count = countLines(lines);
  return count === LIMITS.tileWidth && lines.at(-1) === NEWLINE
    ? lines
    : `it holds ${count} lines, not ${LIMITS.tileWidth}`;
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
