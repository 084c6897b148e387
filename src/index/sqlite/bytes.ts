/**
 * Numbers and texts in a row of bytes. Numbers are whole and below 2^53, in groups of seven bits, lowest first: small
 * ones, which most are, take one byte. What is read beyond the end is damage, never a wait or a crash.
 */
import { IndexDamage } from './damage.ts';
import { restored, storable } from './keys.ts';

export interface ByteWriter {
  readonly length: number;
  byte(value: number): void;
  number(value: number): void;
  /** Any text, also one that has no form in UTF-8. */
  text(value: string): void;
  bytes(value: Uint8Array): void;
  /** A copy of what was written; then it begins anew. */
  take(): Uint8Array<ArrayBuffer>;
}

const GROUP = 128;
/** Above it the bits of a number are not reached by shifting. */
const SHIFTED = 2 ** 28;
const LONGEST_NUMBER = 8;
const BYTES_A_UNIT = 3;

export function createByteWriter(): ByteWriter {
  let held = Buffer.allocUnsafe(16_384);
  let length = 0;

  function room(bytes: number): void {
    if (length + bytes <= held.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * held.length, length + bytes));
    held.copy(larger, 0, 0, length);
    held = larger;
  }

  function number(value: number): void {
    room(LONGEST_NUMBER);
    let rest = value;
    for (; rest >= SHIFTED; rest = Math.floor(rest / GROUP)) held[length++] = (rest % GROUP) | GROUP;
    for (; rest >= GROUP; rest >>>= 7) held[length++] = (rest & (GROUP - 1)) | GROUP;
    held[length++] = rest;
  }

  return {
    get length() {
      return length;
    },
    byte(value) {
      room(1);
      held[length++] = value;
    },
    number,
    text(value) {
      const text = storable(value);
      const bytes = Buffer.byteLength(text);
      number(bytes);
      room(text.length * BYTES_A_UNIT);
      length += held.write(text, length, 'utf8');
    },
    bytes(value) {
      room(value.length);
      held.set(value, length);
      length += value.length;
    },
    take() {
      const taken = new Uint8Array(length);
      taken.set(held.subarray(0, length));
      length = 0;
      return taken;
    },
  };
}

export interface ByteReader {
  at: number;
  byte(): number;
  number(): number;
  /** Passes over a text. */
  skipText(): void;
  /** The text that was passed over at `place`; goes nowhere. */
  textAt(place: number): string;
}

export function createByteReader(source: Uint8Array): ByteReader {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);

  function byte(): number {
    const value = bytes[reader.at++];
    if (value === undefined) throw new IndexDamage('a record ends too early');
    return value;
  }

  function number(): number {
    let value = 0;
    for (let factor = 1; factor < Number.MAX_SAFE_INTEGER; factor *= GROUP) {
      const next = byte();
      value += (next & (GROUP - 1)) * factor;
      if (next < GROUP) return value;
    }
    throw new IndexDamage('a number is too large');
  }

  const reader: ByteReader = {
    at: 0,
    byte,
    number,
    skipText() {
      const length = number();
      reader.at += length;
      if (reader.at > bytes.length) throw new IndexDamage('a text ends too early');
    },
    textAt(place) {
      const { at } = reader;
      reader.at = place;
      const length = number();
      const start = reader.at;
      reader.at = at;
      if (start + length > bytes.length) throw new IndexDamage('a text ends too early');
      return restored(bytes.toString('utf8', start, start + length));
    },
  };
  return reader;
}
