/**
 * SHA-256 (FIPS 180-4) of inner tree nodes, four at a time in the lanes of WebAssembly SIMD. A node is H(0x01 || left ||
 * right): 65 bytes, always two blocks, so four of them run in step. A call to node:crypto costs more than the hash.
 */
import { type Code, get, i32, repeatWhile, sequence, set, v128, type WasmFunction } from './assembler.ts';

// biome-ignore format: the table of FIPS 180-4 section 4.2.2
export const ROUND_CONSTANTS = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
] as const;

// biome-ignore format: FIPS 180-4 section 5.3.3
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;

export const LANES = 4;
const PAIR_BYTES = 64;
export const HASH_BYTES = 32;
const BLOCK_WORDS = 16;
const PREFIX = 0x01000000;
const PADDING = 0x00800000;
/** 65 bytes. */
const LENGTH_BITS = 520;

// Parameters and locals, by number. Other functions that hash in lanes number OUT up to the words in the same way.
const IN = 0;
const FOURS = 1;
const OUT = 2;
const K = 3;
const LEFT = 4;
export const TEMP = 5;
/** a..h, the state after the first block, and the ring of words. */
export const STATE = 6;
export const MIDDLE = STATE + 8;
export const W = MIDDLE + 8;
export const LOCALS = W + BLOCK_WORDS;

export const eight = Array.from({ length: 8 }, (_, i) => i);
const four = [0, 1, 2, 3] as const;
const { add, xor, or, and } = v128;

const shiftRight = (x: number, by: number): Code => v128.shr(get(x), i32.constant(by));
const rotate = (x: number, by: number): Code =>
  or(shiftRight(x, by), v128.shl(get(x), i32.constant(32 - by)));
export const addTo = (local: number, value: number): Code =>
  set(local, i32.add(get(local), i32.constant(value)));

const word = (t: number): number => W + (t % BLOCK_WORDS);

/** W[t] = σ1(W[t-2]) + W[t-7] + σ0(W[t-15]) + W[t-16], in a ring of 16. */
function schedule(t: number): Code {
  const [w2, w7, w15] = [word(t + 14), word(t + 9), word(t + 1)];
  const sigma1 = xor(rotate(w2, 17), rotate(w2, 19), shiftRight(w2, 10));
  const sigma0 = xor(rotate(w15, 7), rotate(w15, 18), shiftRight(w15, 3));
  return set(word(t), add(sigma1, get(w7), sigma0, get(word(t))));
}

/** One round. Instead of moving the eight variables their names move: variable i of round t is local (i - t) mod 8. */
function round(t: number): Code {
  const variable = (i: number): number => STATE + ((i - t + BLOCK_WORDS) % 8);
  const [a, b, c, d] = [variable(0), variable(1), variable(2), variable(3)];
  const [e, f, g, h] = [variable(4), variable(5), variable(6), variable(7)];
  const sum1 = xor(rotate(e, 6), rotate(e, 11), rotate(e, 25));
  const sum0 = xor(rotate(a, 2), rotate(a, 13), rotate(a, 22));
  const choice = v128.choose(get(e), get(f), get(g));
  // Where a and b agree the majority is a, elsewhere it is c.
  const majority = v128.choose(xor(get(a), get(b)), get(c), get(a));
  return sequence(
    set(TEMP, add(get(h), sum1, choice, v128.loadSplat(get(K), t * 4), get(word(t)))),
    set(d, add(get(d), get(TEMP))),
    set(h, add(get(TEMP), sum0, majority)),
  );
}

const sixteen = (step: (t: number) => Code): Code =>
  sequence(...Array.from({ length: BLOCK_WORDS }, (_, t) => step(t)));

/** 64 rounds over the words in the ring. The constants lie at address 0. */
export function compress(): Code {
  return sequence(
    set(K, i32.constant(0)),
    sixteen(round),
    set(LEFT, i32.constant(3)),
    repeatWhile(
      get(LEFT),
      addTo(K, BLOCK_WORDS * 4),
      sixteen((t) => sequence(schedule(t), round(t))),
      addTo(LEFT, -1),
    ),
  );
}

/** Words of two operands, 0..3 of the first and 4..7 of the second; their bytes in order, or reversed (big-endian). */
const pick = (a: number, b: number, words: readonly number[], bytes: readonly number[] = four): Code =>
  v128.shuffle(
    get(a),
    get(b),
    words.flatMap((i) => bytes.map((byte) => i * 4 + byte)),
  );
const reversed = [3, 2, 1, 0];

/** Four rows of four words, in four locals from `row` on, become columns; the bytes of each word are reversed. */
export function transpose(row: number, temp: number): Code {
  return sequence(
    set(temp, pick(row, row + 1, [0, 4, 1, 5], reversed)),
    set(temp + 1, pick(row, row + 1, [2, 6, 3, 7], reversed)),
    set(temp + 2, pick(row + 2, row + 3, [0, 4, 1, 5], reversed)),
    set(temp + 3, pick(row + 2, row + 3, [2, 6, 3, 7], reversed)),
    set(row, pick(temp, temp + 2, [0, 1, 4, 5])),
    set(row + 1, pick(temp, temp + 2, [2, 3, 6, 7])),
    set(row + 2, pick(temp + 1, temp + 3, [0, 1, 4, 5])),
    set(row + 3, pick(temp + 1, temp + 3, [2, 3, 6, 7])),
  );
}

/** The first block: 0x01, then the first 63 bytes of the pair. IN is one byte before the pair. */
function loadFirst(): Code {
  const group = (first: number): Code =>
    sequence(
      ...four.map((lane) => set(W + first + lane, v128.load(get(IN), lane * PAIR_BYTES + first * 4))),
      // The state is set afterwards: it serves as temporaries.
      transpose(W + first, STATE),
    );
  return sequence(
    ...four.map((i) => group(i * 4)),
    set(W, or(and(get(W), v128.splat(0x00ffffff)), v128.splat(PREFIX))),
  );
}

/** The second block: the last byte of the pair, the padding, the length. Read before any result is stored. */
function loadSecond(): Code {
  const end = (lane: number): Code => v128.load(get(IN), (lane + 1) * PAIR_BYTES + 1 - 16);
  // Byte 15 of both operands into the top bytes of words 0 and 1.
  const two = (lane: number): Code =>
    v128.shuffle(end(lane), end(lane + 1), [0, 0, 0, 15, 0, 0, 0, 31, 0, 0, 0, 15, 0, 0, 0, 31]);
  return sequence(
    set(W, two(0)),
    set(W + 1, two(2)),
    set(W, or(and(pick(W, W + 1, [0, 1, 4, 5]), v128.splat(0xff000000)), v128.splat(PADDING))),
    ...Array.from({ length: 14 }, (_, i) => set(W + 1 + i, v128.splat(0))),
    set(W + 15, v128.splat(LENGTH_BITS)),
  );
}

export function storeResults(): Code {
  const half = (first: number): Code =>
    sequence(
      transpose(STATE + first, W),
      ...four.map((lane) => v128.store(get(OUT), lane * HASH_BYTES + first * 4, get(STATE + first + lane))),
    );
  return sequence(half(0), half(4));
}

export const initial = (i: number): Code => v128.splat(INITIAL[i] ?? 0);

/**
 * fold(in, fours): replaces 4·`fours` pairs of hashes from address in+1 on by their node hashes, packed from there on.
 * The round constants are at address 0, the byte before the pairs is readable, `fours` ≥ 1.
 */
export function foldFunction(): WasmFunction {
  return {
    name: 'fold',
    params: ['i32', 'i32'],
    locals: ['i32', 'i32', 'i32', ...Array.from({ length: LOCALS - TEMP }, () => 'v128' as const)],
    body: sequence(
      set(OUT, i32.add(get(IN), i32.constant(1))),
      repeatWhile(
        get(FOURS),
        loadFirst(),
        ...eight.map((i) => set(STATE + i, initial(i))),
        compress(),
        ...eight.map((i) => set(MIDDLE + i, add(get(STATE + i), initial(i)))),
        ...eight.map((i) => set(STATE + i, get(MIDDLE + i))),
        loadSecond(),
        compress(),
        ...eight.map((i) => set(STATE + i, add(get(STATE + i), get(MIDDLE + i)))),
        storeResults(),
        addTo(IN, LANES * PAIR_BYTES),
        addTo(OUT, LANES * HASH_BYTES),
        addTo(FOURS, -1),
      ),
    ),
  };
}
