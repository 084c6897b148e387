/**
 * Writes WebAssembly modules (core specification 2.0, binary format): functions over one memory. Only what the kernels
 * of this folder use. Instructions are written as expressions: operands first, as the stack machine wants them.
 */

/** Encoded instructions. */
export type Code = readonly number[];

export const TYPES = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const;
export type ValueType = keyof typeof TYPES;

/** Unsigned LEB128. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** Signed LEB128 of a 32-bit value. */
function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}

export const sequence = (...parts: readonly Code[]): Code => parts.flat();

export const get = (local: number): Code => [0x20, ...leb(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...leb(local)];
/** Sets and leaves the value. */
export const tee = (local: number, value: Code): Code => [...value, 0x22, ...leb(local)];

/** Runs `body` again while `condition`, computed after it, is not 0. */
export const repeatWhile = (condition: Code, ...body: readonly Code[]): Code => [
  ...[0x03, 0x40],
  ...body.flat(),
  ...condition,
  ...[0x0d, 0x00, 0x0b],
];
export const returnIf = (condition: Code, value: Code): Code => [
  ...condition,
  ...[0x04, 0x40],
  ...value,
  ...[0x0f, 0x0b],
];
export const returnNow = (value: Code): Code => [...value, 0x0f];
export const when = (condition: Code, ...body: readonly Code[]): Code => [
  ...condition,
  ...[0x04, 0x40],
  ...body.flat(),
  0x0b,
];
/** `body` runs again when it branches to this loop, and not otherwise. */
export const loop = (...body: readonly Code[]): Code => [0x03, 0x40, ...body.flat(), 0x0b];
/** To the start of the loop that is `outward` levels outside of here; a `when` is a level too. */
export const branchIf = (outward: number, condition: Code): Code => [...condition, 0x0d, ...leb(outward)];
/** A function of the same module, by its place in the list that is assembled. */
export const call = (place: number, ...args: readonly Code[]): Code => [...args.flat(), 0x10, ...leb(place)];
export const select = (condition: Code, then: Code, otherwise: Code): Code => [
  ...then,
  ...otherwise,
  ...condition,
  0x1b,
];

const unary = (...opcode: readonly number[]) => {
  return (a: Code): Code => [...a, ...opcode];
};
const binary = (...opcode: readonly number[]) => {
  return (a: Code, b: Code): Code => [...a, ...b, ...opcode];
};
/** For operations that may be chained: a ∘ b ∘ c … */
const chained = (...opcode: readonly number[]) => {
  return (first: Code, ...more: readonly Code[]): Code => [
    ...first,
    ...more.flatMap((next) => [...next, ...opcode]),
  ];
};

export const i32 = {
  constant: (value: number): Code => [0x41, ...signedLeb(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x28, ...place(offset)],
  loadByte: (address: Code, offset = 0): Code => [...address, 0x2d, ...place(offset)],
  store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0x36, ...place(offset)],
  storeByte: (address: Code, offset: number, value: Code): Code => [
    ...address,
    ...value,
    0x3a,
    ...place(offset),
  ],
  eqz: unary(0x45),
  equal: binary(0x46),
  lessSigned: binary(0x48),
  leadingZeros: unary(0x67),
  trailingZeros: unary(0x68),
  add: chained(0x6a),
  sub: binary(0x6b),
  and: chained(0x71),
  or: chained(0x72),
  shl: binary(0x74),
  /** Unsigned. */
  shr: binary(0x76),
  wrap: unary(0xa7),
} as const;

export const i64 = {
  constant: (value: number): Code => [0x42, ...signedLeb(value)],
  extend: unary(0xad),
  eqz: unary(0x50),
  popcount: unary(0x7b),
  sub: binary(0x7d),
  and: chained(0x83),
  or: chained(0x84),
  xor: chained(0x85),
  shl: binary(0x86),
  shrSigned: binary(0x87),
} as const;

const simd = (opcode: number): number[] => [0xfd, ...leb(opcode)];
/** Alignment 2^0: every access may be unaligned. */
const place = (offset: number): number[] => [0, ...leb(offset)];

export const v128 = {
  load: (address: Code, offset: number): Code => [...address, ...simd(0x00), ...place(offset)],
  /** One 32-bit word into every lane. */
  loadSplat: (address: Code, offset: number): Code => [...address, ...simd(0x09), ...place(offset)],
  store: (address: Code, offset: number, value: Code): Code => [
    ...address,
    ...value,
    ...simd(0x0b),
    ...place(offset),
  ],
  /** Four 32-bit lanes of one value. */
  splat: (value: number): Code => {
    const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    return [...simd(0x0c), ...bytes, ...bytes, ...bytes, ...bytes];
  },
  /** The same value in all four lanes. */
  spread: unary(...simd(0x11)),
  /** Where a lane of `a` is greater than that of `b` (signed), all its bits. */
  greaterWords: binary(...simd(0x3b)),
  /** 16 indexes into the 32 bytes of the two operands. */
  shuffle: (a: Code, b: Code, bytes: readonly number[]): Code => [...a, ...b, ...simd(0x0d), ...bytes],
  equalBytes: binary(...simd(0x23)),
  /** Where a byte of `a` is greater than that of `b`, all its bits. */
  greaterBytes: binary(...simd(0x27)),
  addBytes: chained(...simd(0x6e)),
  subBytes: binary(...simd(0x71)),
  anyTrue: unary(...simd(0x53)),
  /** The top bit of each byte. */
  bitmask: unary(...simd(0x64)),
  and: chained(...simd(0x4e)),
  or: chained(...simd(0x50)),
  xor: chained(...simd(0x51)),
  /** (a & mask) | (b & ~mask) */
  choose: (mask: Code, a: Code, b: Code): Code => [...a, ...b, ...mask, ...simd(0x52)],
  shl: binary(...simd(0xab)),
  shr: binary(...simd(0xad)),
  add: chained(...simd(0xae)),
} as const;

export interface WasmFunction {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result?: ValueType;
  /** Numbered after the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

const section = (id: number, content: Code): Code => [id, ...leb(content.length), ...content];
const list = (items: readonly Code[]): Code => [...leb(items.length), ...items.flat()];
const text = (value: string): Code => [...leb(value.length), ...new TextEncoder().encode(value)];

/** A module that exports its functions and imports its memory as "host" "memory". */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const typeOf = ({ params, result }: WasmFunction): Code => [
    0x60,
    ...list(params.map((type) => [TYPES[type]])),
    ...list(result === undefined ? [] : [[TYPES[result]]]),
  ];
  const bodyOf = ({ locals, body }: WasmFunction): Code => {
    const content = [...list(locals.map((type) => [1, TYPES[type]])), ...body, 0x0b];
    return [...leb(content.length), ...content];
  };
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(functions.map(typeOf))),
    ...section(2, list([[...text('host'), ...text('memory'), 0x02, 0x00, 0x01]])),
    ...section(3, list(functions.map((_, i) => leb(i)))),
    ...section(7, list(functions.map(({ name }, i) => [...text(name), 0x00, ...leb(i)]))),
    ...section(10, list(functions.map(bodyOf))),
  ]);
}
