/**
 * How much deeper a stretch of JSON ends than it began, 64 bytes at a time with WebAssembly SIMD. Byte by byte the same
 * costs five times as much: the ends of strings come where no branch predictor expects them.
 */
import {
  type Code,
  get,
  i32,
  i64,
  repeatWhile,
  returnIf,
  select,
  sequence,
  set,
  tee,
  v128,
  type WasmFunction,
} from './assembler.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const CASE_BIT = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What the function answers when it cannot tell: no text of one entry nests this deep. */
export const UNTOLD = -0x8000_0000;

const STEP = 64;
const four = [0, 1, 2, 3] as const;

// Parameters and locals, by number.
const FROM = 0;
const TO = 1;
const DEPTH = 2;
const INSIDE = 3;
const VALID = 4;
const QUOTED = 5;
const BITS = 6;
const V = 7;

const everywhere = (byte: number): Code => v128.splat(byte * 0x01010101);
const ones = i64.constant(-1);
const not = (bits: Code): Code => i64.xor(bits, ones);

/** One bit for each of 64 bytes, which lie in four vectors: whether it is `byte`. Only of those that are valid. */
function positions(byte: number, prepare: (vector: Code) => Code = (vector) => vector): Code {
  const [first, ...more] = four.map((i) => {
    const equal = v128.bitmask(v128.equalBytes(prepare(get(V + i)), everywhere(byte)));
    return i64.shl(i64.extend(equal), i64.constant(i * 16));
  });
  return i64.and(i64.or(first ?? [], ...more), get(VALID));
}

const foldBraces = (vector: Code): Code => v128.or(vector, everywhere(CASE_BIT));

/** Bit i becomes the parity of bits 0..i: inside a string, from its opening quote up to before its closing one. */
function parity(bits: Code): Code {
  return [1, 2, 4, 8, 16, 32].reduce(
    (sum, by) => i64.xor(tee(BITS, sum), i64.shl(get(BITS), i64.constant(by))),
    bits,
  );
}

const left = i32.sub(get(TO), get(FROM));
const outside = (byte: number): Code => i64.popcount(i64.and(positions(byte, foldBraces), not(get(QUOTED))));

/**
 * nesting(from, to): brackets opened less brackets closed outside strings in memory[from, to), `from` < `to`; or UNTOLD
 * when there is a backslash or a string is open at `to`. `from` is outside strings. 63 bytes after `to` are readable.
 */
export function nestingFunction(): WasmFunction {
  return {
    name: 'nesting',
    params: ['i32', 'i32'],
    result: 'i32',
    locals: ['i32', 'i64', 'i64', 'i64', 'i64', 'v128', 'v128', 'v128', 'v128'],
    body: sequence(
      repeatWhile(
        i32.lessSigned(get(FROM), get(TO)),
        ...four.map((i) => set(V + i, v128.load(get(FROM), i * 16))),
        // As many bits as there are bytes left, up to 64.
        set(
          VALID,
          select(i32.lessSigned(left, i32.constant(STEP)), not(i64.shl(ones, i64.extend(left))), ones),
        ),
        returnIf(i32.eqz(i64.eqz(positions(BACKSLASH))), i32.constant(UNTOLD)),
        set(QUOTED, i64.xor(parity(positions(QUOTE)), get(INSIDE))),
        // All ones when the last byte is inside a string.
        set(INSIDE, i64.shrSigned(get(QUOTED), i64.constant(STEP - 1))),
        set(DEPTH, i32.add(get(DEPTH), i32.wrap(i64.sub(outside(OPEN_BRACE), outside(CLOSE_BRACE))))),
        set(FROM, i32.add(get(FROM), i32.constant(STEP))),
      ),
      select(i64.eqz(get(INSIDE)), get(DEPTH), i32.constant(UNTOLD)),
    ),
  };
}
