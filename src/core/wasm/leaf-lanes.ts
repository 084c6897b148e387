/**
 * SHA-256 of lines, four at a time in the lanes of WebAssembly SIMD. They are of different lengths: a lane that is done
 * keeps its state while the others go on. On a processor that has instructions for SHA-256, node:crypto is faster.
 */
import {
  branchIf,
  type Code,
  get,
  i32,
  loop,
  repeatWhile,
  select,
  sequence,
  set,
  v128,
  type WasmFunction,
  when,
} from './assembler.ts';
import { ROW_BYTES, ROW_END } from './lines.ts';
import {
  addTo,
  compress,
  eight,
  HASH_BYTES,
  initial,
  LANES,
  LOCALS,
  MIDDLE,
  ROUND_CONSTANTS,
  STATE,
  storeResults,
  TEMP,
  transpose,
  W,
} from './sha256-lanes.ts';

const BLOCK = 64;
const PADDING = 0x80;

// Parameters and locals, by number: OUT is where `sha256-lanes.ts` wants it, its own locals come between.
const TABLE = 0;
const FOURS = 1;
const OUT = 2;
const AT = LOCALS;
const LENGTH = LOCALS + 1;
const FULL = LOCALS + 2;
const BLOCKS = LOCALS + 3;
const MOST = LOCALS + 4;
const NUMBER = LOCALS + 5;
/** For each lane: where its next block lies, and whole blocks until it goes on in its scratch. */
const FROM = LOCALS + 6;
const WHOLE = FROM + LANES;
const MASK = WHOLE + LANES;

/** Of each lane: two blocks, and room for what is written beyond them. */
const LANE_SCRATCH = 4 * BLOCK;
/** Behind the round constants. */
const SCRATCH = ROUND_CONSTANTS.length * 4;
/** After those of the lanes: how many blocks each has. */
const COUNTS = SCRATCH + LANES * LANE_SCRATCH;
/** Memory up to here is overwritten. */
export const LEAF_SCRATCH_END = COUNTS + 16;

const four = [0, 1, 2, 3] as const;

/** Puts the last, partial block of a line and its padding into the lane's scratch, and counts its blocks. */
function prepare(lane: number): Code {
  const scratch = SCRATCH + lane * LANE_SCRATCH;
  const row = lane * ROW_BYTES + ROW_END * 4;
  return sequence(
    // The end of the line before is the byte that is hashed first.
    set(FROM + lane, i32.load(i32.sub(get(TABLE), i32.constant(ROW_BYTES)), row)),
    set(LENGTH, i32.sub(i32.load(get(TABLE), row), get(FROM + lane))),
    set(FULL, i32.and(get(LENGTH), i32.constant(-BLOCK))),
    set(WHOLE + lane, i32.shr(get(LENGTH), i32.constant(6))),
    ...four.map((i) =>
      v128.store(i32.constant(scratch), i * 16, v128.load(i32.add(get(FROM + lane), get(FULL)), i * 16)),
    ),
    set(AT, i32.sub(get(LENGTH), get(FULL))),
    i32.storeByte(get(AT), scratch, i32.constant(PADDING)),
    ...eight.map((i) => v128.store(get(AT), scratch + 1 + i * 16, v128.splat(0))),
    // One block more where the length (8 bytes) and the padding do not fit behind the rest.
    set(
      BLOCKS,
      select(
        i32.lessSigned(i32.sub(get(LENGTH), get(FULL)), i32.constant(BLOCK - 8)),
        i32.constant(BLOCK),
        i32.constant(2 * BLOCK),
      ),
    ),
    i32.storeByte(get(BLOCKS), scratch - 1, i32.shl(get(LENGTH), i32.constant(3))),
    i32.storeByte(get(BLOCKS), scratch - 2, i32.shr(get(LENGTH), i32.constant(5))),
    i32.storeByte(get(BLOCKS), scratch - 3, i32.shr(get(LENGTH), i32.constant(13))),
    set(BLOCKS, i32.add(get(WHOLE + lane), i32.shr(get(BLOCKS), i32.constant(6)))),
    i32.store(i32.constant(COUNTS), lane * 4, get(BLOCKS)),
    when(i32.lessSigned(get(MOST), get(BLOCKS)), set(MOST, get(BLOCKS))),
  );
}

/** Moves a lane that has no whole block left to its scratch. */
const turn = (lane: number): Code =>
  when(
    i32.equal(get(NUMBER), get(WHOLE + lane)),
    set(FROM + lane, i32.constant(SCRATCH + lane * LANE_SCRATCH)),
  );

function load(): Code {
  const group = (first: number): Code =>
    sequence(
      ...four.map((lane) => set(W + first + lane, v128.load(get(FROM + lane), first * 4))),
      // The state is set afterwards: it serves as temporaries.
      transpose(W + first, STATE),
    );
  return sequence(...four.map((i) => group(i * 4)));
}

/**
 * leaves(table, fours, out): the SHA-256 of 4·`fours` lines, each from the end of the row before (a row stands
 * in front of `table`) up to its own end, 32 bytes each from `out` on. `fours` ≥ 1, lines have less than 2^28 bytes.
 */
export function leavesFunction(): WasmFunction {
  return {
    name: 'leaves',
    params: ['i32', 'i32', 'i32'],
    locals: [
      ...['i32' as const, 'i32' as const],
      ...Array.from({ length: LOCALS - TEMP }, () => 'v128' as const),
      ...Array.from({ length: MASK - LOCALS }, () => 'i32' as const),
      'v128',
    ],
    body: sequence(
      repeatWhile(
        get(FOURS),
        set(MOST, i32.constant(0)),
        ...four.map(prepare),
        set(NUMBER, i32.constant(0)),
        ...eight.map((i) => set(MIDDLE + i, initial(i))),
        loop(
          ...four.map(turn),
          load(),
          ...eight.map((i) => set(STATE + i, get(MIDDLE + i))),
          compress(),
          set(MASK, v128.greaterWords(v128.load(i32.constant(COUNTS), 0), v128.spread(get(NUMBER)))),
          ...eight.map((i) =>
            set(MIDDLE + i, v128.add(get(MIDDLE + i), v128.and(get(STATE + i), get(MASK)))),
          ),
          ...four.map((lane) => addTo(FROM + lane, BLOCK)),
          addTo(NUMBER, 1),
          branchIf(0, i32.lessSigned(get(NUMBER), get(MOST))),
        ),
        ...eight.map((i) => set(STATE + i, get(MIDDLE + i))),
        storeResults(),
        addTo(TABLE, LANES * ROW_BYTES),
        addTo(OUT, LANES * HASH_BYTES),
        addTo(FOURS, -1),
      ),
    ),
  };
}
