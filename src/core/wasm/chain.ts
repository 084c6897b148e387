/**
 * Whether lines carry the hashes that they should, as base64 (RFC 4648 section 4). The hashes are encoded 12 bytes at a
 * time in SIMD registers and compared where they stand, without a string of any of them.
 */
import {
  branchIf,
  type Code,
  get,
  i32,
  loop,
  returnIf,
  sequence,
  set,
  v128,
  type WasmFunction,
} from './assembler.ts';
import { ROW_BYTES, ROW_PREV } from './lines.ts';

const HASH_BYTES = 32;
const PADDING = 0x3d;
/** The last of 44 characters. */
const LAST = 43;
const ZERO = 16;

// Parameters and locals, by number.
const TABLE = 0;
const END = 1;
const HASHES = 2;
const AT = 3;
const V = 4;

const everyByte = (byte: number): Code => v128.splat(byte * 0x01010101);
const shiftRight = (by: number): Code => v128.shr(get(V), i32.constant(by));
const shiftLeft = (by: number): Code => v128.shl(get(V), i32.constant(by));

/** Three bytes at a time, big-endian, into the low end of each word. The fourth byte is 0. */
function threes(limit: number): readonly number[] {
  const byte = (i: number): number => (i < limit ? i : ZERO);
  return [0, 3, 6, 9].flatMap((i) => [byte(i + 2), byte(i + 1), byte(i), ZERO]);
}

/** Where a value is above `limit`, `by`: what the next stretch of the alphabet is off by. */
const above = (limit: number, by: number): Code =>
  v128.and(v128.greaterBytes(get(V), everyByte(limit)), everyByte(by));

/**
 * Leaves one bit for each of 16 characters: whether they stand at `AT + to`, made from the bytes at `HASHES + from`, of
 * which there are `limit`, at most 12.
 */
function compare(from: number, to: number, limit: number): Code {
  return sequence(
    set(V, v128.shuffle(v128.load(get(HASHES), from), v128.splat(0), threes(limit))),
    // Six bits to a byte, in the order of the text.
    set(
      V,
      v128.or(
        shiftRight(18),
        v128.and(shiftRight(4), v128.splat(0x3f00)),
        v128.and(shiftLeft(10), v128.splat(0x3f_0000)),
        v128.and(shiftLeft(24), v128.splat(0x3f00_0000)),
      ),
    ),
    // A-Z, a-z, 0-9, + and /
    set(
      V,
      v128.subBytes(
        v128.addBytes(get(V), everyByte(0x41), above(25, 6), above(62, 3)),
        v128.addBytes(above(51, 75), above(61, 15)),
      ),
    ),
    v128.bitmask(v128.equalBytes(get(V), v128.load(get(AT), to))),
  );
}

const differs = (bits: Code, all: number): Code =>
  i32.eqz(i32.equal(i32.and(bits, i32.constant(all)), i32.constant(all)));

/**
 * chain(table, end, hashes): the first row of the table up to `end` whose line does not carry the hash that is its own
 * by order (32 bytes each, from `hashes` on), or `end`. Rows without a place of `prev` carry none.
 */
export function chainFunction(): WasmFunction {
  return {
    name: 'chain',
    params: ['i32', 'i32', 'i32'],
    result: 'i32',
    locals: ['i32', 'v128'],
    body: sequence(
      loop(
        returnIf(i32.eqz(i32.lessSigned(get(TABLE), get(END))), get(END)),
        set(AT, i32.load(get(TABLE), ROW_PREV * 4)),
        returnIf(i32.eqz(get(AT)), get(TABLE)),
        returnIf(differs(compare(0, 0, 12), 0xffff), get(TABLE)),
        returnIf(differs(compare(12, 16, 12), 0xffff), get(TABLE)),
        // Eight bytes are left: eleven characters and one of padding.
        returnIf(differs(compare(24, 32, 8), 0x7ff), get(TABLE)),
        returnIf(i32.sub(i32.loadByte(get(AT), LAST), i32.constant(PADDING)), get(TABLE)),
        set(TABLE, i32.add(get(TABLE), i32.constant(ROW_BYTES))),
        set(HASHES, i32.add(get(HASHES), i32.constant(HASH_BYTES))),
        branchIf(0, i32.constant(1)),
      ),
      get(END),
    ),
  };
}
