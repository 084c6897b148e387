/**
 * Where a zstd frame ends (RFC 8878 section 3.1.1), by its headers alone. Node's decoder stops after the first frame
 * and passes over whatever follows without a word: bytes that nobody looked at could be hidden there.
 */

/** Little-endian 28 B5 2F FD. */
const MAGIC = 0xfd2fb528;
export const FRAME_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const SINGLE_SEGMENT = 0x20;
const RESERVED = 0x08;
const CHECKSUM = 0x04;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const BLOCK_HEADER_BYTES = 3;
const RLE_BLOCK = 1;
const NO_BLOCK = 3;

/**
 * The place after the frame that starts at `at`. -1: no zstd frame starts there. Beyond `bytes.length`: the frame goes
 * on at least that far. Time is linear in the blocks.
 */
export function frameEnd(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (at + 5 > bytes.length) return bytes.length + 1;
  if (view.getUint32(at, true) !== MAGIC) return -1;
  const descriptor = view.getUint8(at + 4);
  if ((descriptor & RESERVED) !== 0) return -1;
  const single = (descriptor & SINGLE_SEGMENT) !== 0;
  const sized = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0;
  let place =
    at + 5 + (single ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] ?? 0) + (single && sized === 0 ? 1 : sized);
  for (let last = false; !last; ) {
    if (place + BLOCK_HEADER_BYTES > bytes.length) return bytes.length + 1;
    const header = view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
    const kind = (header >> 1) & 3;
    if (kind === NO_BLOCK) return -1;
    place += BLOCK_HEADER_BYTES + (kind === RLE_BLOCK ? 1 : header >> 3);
    last = (header & 1) === 1;
  }
  return place + ((descriptor & CHECKSUM) === 0 ? 0 : 4);
}
