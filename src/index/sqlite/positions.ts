/**
 * Sets of places in one block of 65,536 rows, as the index stores them: a sorted list of 16-bit places while that is the
 * shorter form, else a bitmap of 8 KiB (the containers of roaring bitmaps, Lemire et al. 2016). Numbers are in the byte
 * order of the machine: the file is made and read on one.
 */
export const BLOCK_ROWS = 65_536;
const WORDS = BLOCK_ROWS / 32;
const BITMAP_BYTES = BLOCK_ROWS / 8;
/** A longer list would be as long as the bitmap: the length of the stored form tells which it is. */
const LIST_MOST = BITMAP_BYTES / 2 - 1;

/** One bit a row. */
export type Bits = Uint32Array<ArrayBuffer>;

export function noBits(): Bits {
  return new Uint32Array(WORDS);
}

export function setBit(bits: Bits, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31));
}

export function hasBit(bits: Bits, at: number): boolean {
  return ((bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
}

/** Sets the bits from `from` to `to` - 1. */
export function setRange(bits: Bits, from: number, to: number): void {
  let at = from;
  for (; at < to && (at & 31) !== 0; at++) setBit(bits, at);
  for (; at + 32 <= to; at += 32) bits[at >>> 5] = 0xffffffff;
  for (; at < to; at++) setBit(bits, at);
}

/** `places`: ascending, each once. */
export function encodePlaces(places: readonly number[]): Uint8Array<ArrayBuffer> {
  if (places.length <= LIST_MOST) {
    const list = new Uint16Array(places.length);
    for (let i = 0; i < places.length; i++) list[i] = places[i] ?? 0;
    return new Uint8Array(list.buffer);
  }
  const bits = noBits();
  for (const at of places) setBit(bits, at);
  return new Uint8Array(bits.buffer);
}

function encodeBits(bits: Bits): Uint8Array<ArrayBuffer> | undefined {
  const count = countBits(bits);
  if (count === 0) return undefined;
  return count <= LIST_MOST ? encodePlaces(listPlaces(bits)) : new Uint8Array(bits.buffer);
}

const isBitmap = (stored: Uint8Array): boolean => stored.length === BITMAP_BYTES;

/** The stored bytes as numbers; copied where they lie at an odd place. */
function listOf(stored: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = stored.byteOffset % 2 === 0 ? stored : stored.slice();
  return new Uint16Array(buffer, byteOffset, length >>> 1);
}

function bitmapOf(stored: Uint8Array): Uint32Array {
  const { buffer, byteOffset } = stored.byteOffset % 4 === 0 ? stored : stored.slice();
  return new Uint32Array(buffer, byteOffset, WORDS);
}

export function uniteInto(bits: Bits, stored: Uint8Array): void {
  if (!isBitmap(stored)) {
    for (const at of listOf(stored)) setBit(bits, at);
    return;
  }
  const other = bitmapOf(stored);
  for (let i = 0; i < WORDS; i++) bits[i] = (bits[i] ?? 0) | (other[i] ?? 0);
}

export function bitsOf(stored: Uint8Array): Bits {
  const bits = noBits();
  uniteInto(bits, stored);
  return bits;
}

/** What is in both; one of the two is overwritten. Undefined when nothing is. */
export function intersect(bits: Bits, other: Bits): Bits | undefined {
  let any = 0;
  for (let i = 0; i < WORDS; i++) any |= bits[i] = (bits[i] ?? 0) & (other[i] ?? 0);
  return any === 0 ? undefined : bits;
}

export function countBits(bits: Bits): number {
  let count = 0;
  for (let i = 0; i < WORDS; i++) {
    let word = bits[i] ?? 0;
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
  }
  return count;
}

/** Ascending, or descending. */
export function* placesIn(bits: Bits, descending = false): Generator<number> {
  for (let step = 0; step < WORDS; step++) {
    const i = descending ? WORDS - 1 - step : step;
    let word = bits[i] ?? 0;
    while (word !== 0) {
      const low = descending ? 31 - Math.clz32(word) : 31 - Math.clz32(word & -word);
      word &= ~(1 << low);
      yield i * 32 + low;
    }
  }
}

/** All of them, ascending. */
export function listPlaces(bits: Bits): number[] {
  const places: number[] = [];
  for (let i = 0; i < WORDS; i++)
    for (let word = bits[i] ?? 0; word !== 0; word &= word - 1)
      places.push(i * 32 + 31 - Math.clz32(word & -word));
  return places;
}

/** In ascending order. A callback, since summaries come here for every row. */
export function eachPlace(stored: Uint8Array, see: (at: number) => void): void {
  if (!isBitmap(stored)) {
    for (const at of listOf(stored)) see(at);
    return;
  }
  const bits = bitmapOf(stored);
  for (let i = 0; i < WORDS; i++)
    for (let word = bits[i] ?? 0; word !== 0; word &= word - 1) see(i * 32 + 31 - Math.clz32(word & -word));
}

/** Of lists that go on where they ended, which nearly all do. */
function appended(stored: Uint8Array, added: readonly number[]): Uint8Array<ArrayBuffer> | undefined {
  if (isBitmap(stored)) return undefined;
  const before = listOf(stored);
  const count = before.length + added.length;
  if (count > LIST_MOST || (added[0] ?? 0) <= (before.at(-1) ?? -1)) return undefined;
  const list = new Uint16Array(count);
  list.set(before);
  list.set(added, before.length);
  return new Uint8Array(list.buffer);
}

/** The stored form after a change; undefined when nothing is left. `added` ascending. */
export function changePlaces(
  stored: Uint8Array | undefined,
  added: readonly number[],
  removed: readonly number[],
): Uint8Array<ArrayBuffer> | undefined {
  if (removed.length === 0) {
    if (added.length === 0) return stored?.slice();
    if (stored === undefined) return encodePlaces(added);
    const longer = appended(stored, added);
    if (longer !== undefined) return longer;
  }
  const bits = stored === undefined ? noBits() : bitsOf(stored);
  for (const at of removed) bits[at >>> 5] = (bits[at >>> 5] ?? 0) & ~(1 << (at & 31));
  for (const at of added) setBit(bits, at);
  return encodeBits(bits);
}

/** The lowest and the highest place of a stored form that is not empty. */
export function edgesOf(stored: Uint8Array): readonly [first: number, last: number] {
  if (!isBitmap(stored)) {
    const list = listOf(stored);
    return [list[0] ?? 0, list.at(-1) ?? 0];
  }
  const bits = bitmapOf(stored);
  const low = bits.findIndex((word) => word !== 0);
  const high = bits.findLastIndex((word) => word !== 0);
  const first = bits[low] ?? 0;
  return [low * 32 + 31 - Math.clz32(first & -first), high * 32 + 31 - Math.clz32(bits[high] ?? 0)];
}
