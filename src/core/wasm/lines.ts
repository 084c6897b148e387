/**
 * Where the lines of a block end, and where in each the two members stand that chain an entry to its place. One call
 * does for hundreds of lines what would cost several calls for each.
 *
 * What it finds is what `scanFields` would find; where it is not sure it says so, and that one is asked.
 */
import {
  branchIf,
  type Code,
  call,
  get,
  i32,
  loop,
  returnIf,
  returnNow,
  select,
  sequence,
  set,
  v128,
  type WasmFunction,
  when,
} from './assembler.ts';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** From the comma before the member to what stands between the quotes, and to the quote after its 44 characters. */
const PREV_START = 9;
const PREV_END = PREV_START + 44;
/** From the comma to the digits, or whatever stands after the colon. */
const INDEX_START = 9;

/** One line in the table that is written: four words of 32 bits. */
export const ROW_BYTES = 16;
/** Where the line ends: the place of its newline. */
export const ROW_END = 0;
/** Where the 44 characters of `prev` start, or 0: whether the line is an entry at all has to be found out otherwise. */
export const ROW_PREV = 1;
/** Where the digits of `index` start; only beside `prev`. */
export const ROW_INDEX = 2;
/** The first four letters of the line's type as a word (`typeWord`), or one of the two below. */
export const ROW_TYPE = 3;
/** The line does not end as entries of this version do, if it is one: its type has to be looked for. */
export const TYPE_UNTOLD = 0;
/** Whatever its type, the text `"payload":{` stands in it. */
export const TYPE_PAYLOAD = 1;

/** A line in which so many members imitate the ones that are looked for is left to the other scanner. */
const TRIES = 4;
const STEP = 16;

/** Four characters as they lie in memory. */
export function typeWord(four: string): number {
  return four.split('').reduceRight((word, char) => (word << 8) | char.charCodeAt(0), 0);
}

const everywhere = (byte: number): Code => v128.splat(byte * 0x01010101);
const char = (letter: string): Code => everywhere(letter.charCodeAt(0));
/** Offsets in instructions are never negative. */
const placed = (address: Code, offset: number): readonly [Code, number] =>
  offset < 0 ? [i32.sub(address, i32.constant(-offset)), 0] : [address, offset];
const isWord = (address: Code, offset: number, four: string): Code =>
  i32.equal(i32.load(...placed(address, offset)), i32.constant(typeWord(four)));
const isByte = (address: Code, offset: number, byte: number): Code =>
  i32.equal(i32.loadByte(...placed(address, offset)), i32.constant(byte));

/**
 * name(after, to, depth): the last place p, after < p < to, where `text` (eight bytes) stands, if memory[p, to) opens
 * `depth` more brackets than it closes; otherwise an earlier such place, or 0. `nesting`: the place of that function.
 */
function memberFunction(name: string, member: string, nesting: number): WasmFunction {
  const [AFTER, TO, DEPTH, AT, BITS, LEFT] = [0, 1, 2, 3, 4, 5] as const;
  const stands = (i: number): Code => v128.equalBytes(v128.load(get(AT), i), char(member[i] ?? ''));
  return {
    name,
    params: ['i32', 'i32', 'i32'],
    result: 'i32',
    locals: ['i32', 'i32', 'i32'],
    body: sequence(
      set(LEFT, i32.constant(TRIES)),
      set(AT, i32.sub(get(TO), i32.constant(STEP))),
      loop(
        // The last of 16 places at which the first four bytes stand.
        set(BITS, v128.bitmask(v128.and(stands(0), stands(1), stands(2), stands(3)))),
        when(
          get(BITS),
          set(AT, i32.add(get(AT), i32.sub(i32.constant(31), i32.leadingZeros(get(BITS))))),
          when(
            i32.lessSigned(get(AFTER), get(AT)),
            when(
              isWord(get(AT), 4, member.slice(4)),
              // Found: all that is left to do is to skip the rest.
              returnIf(i32.equal(call(nesting, get(AT), get(TO)), get(DEPTH)), get(AT)),
            ),
          ),
          set(LEFT, i32.sub(get(LEFT), i32.constant(1))),
        ),
        set(AT, i32.sub(get(AT), i32.constant(STEP))),
        // Up to 15 places before the start are looked at too; none of them counts.
        branchIf(
          0,
          i32.and(
            i32.lessSigned(i32.constant(0), get(LEFT)),
            i32.lessSigned(get(AFTER), i32.add(get(AT), i32.constant(STEP))),
          ),
        ),
      ),
      i32.constant(0),
    ),
  };
}

/**
 * type(end): the first four letters of the type of the line that ends there, if it is JSON at all, or 0. The members that
 * close an entry of this version are looked at: what stands in their place is the last member of its name, and cannot be
 * inside a string or deeper down.
 */
function typeFunction(): WasmFunction {
  const [END, BITS, AT] = [0, 1, 2] as const;
  const back = (bytes: number): Code => i32.sub(get(END), i32.constant(bytes));
  const quotes = (offset: number): Code =>
    v128.bitmask(v128.equalBytes(v128.load(get(AT), offset), everywhere(QUOTE)));
  const unless = (condition: Code): Code => returnIf(i32.eqz(condition), i32.constant(0));
  return {
    name: 'type',
    params: ['i32'],
    result: 'i32',
    locals: ['i32', 'i32'],
    body: sequence(
      unless(i32.and(isWord(back(8), 0, '","v'), isWord(back(4), 0, '":1}'))),
      // The quote that the type begins with, if it is of less than 32 characters.
      set(AT, back(8 + 1 + 32)),
      set(BITS, i32.or(quotes(1), i32.shl(quotes(1 + STEP), i32.constant(STEP)))),
      unless(get(BITS)),
      set(AT, i32.add(get(AT), i32.sub(i32.constant(32), i32.leadingZeros(get(BITS))))),
      unless(i32.and(isWord(get(AT), -7, '"typ'), isWord(get(AT), -3, 'e":"'))),
      unless(isByte(get(AT), -8, COMMA)),
      i32.load(get(AT), 1),
    ),
  };
}

/**
 * lines(from, to, table, tableEnd): writes a row for each line that ends in memory[from, to), as long as there are rows
 * left, and returns the end of the last one written. `from` is the start of a line, at least 64; 64 bytes after `to` are
 * readable. `places`: of the functions called.
 */
function linesFunction(places: {
  readonly prev: number;
  readonly index: number;
  readonly type: number;
}): WasmFunction {
  const [AT, TO, TABLE, TABLE_END, POS, ENDS, PREV, INDEX, END, BITS, PAYLOAD] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ] as const;
  const newlines = (offset: number): Code =>
    v128.equalBytes(v128.load(get(POS), offset), everywhere(NEWLINE));
  /** Two letters of "payload" that seldom stand together elsewhere. */
  const pairs = (offset: number): Code =>
    v128.and(
      v128.equalBytes(v128.load(get(POS), offset), char('y')),
      v128.equalBytes(v128.load(get(POS), offset + 1), char('l')),
    );
  const either = (offset: number): readonly Code[] => [newlines(offset), pairs(offset)];
  const forward = (bytes: number): Code => set(POS, i32.add(get(POS), i32.constant(bytes)));
  const row = (field: number, value: Code): Code => i32.store(get(TABLE), field * 4, value);
  return {
    name: 'lines',
    params: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    locals: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    body: sequence(
      loop(
        set(POS, get(AT)),
        set(PAYLOAD, i32.constant(0)),
        loop(
          when(
            i32.eqz(v128.anyTrue(v128.or(newlines(0), pairs(0), ...[16, 32, 48].flatMap(either)))),
            forward(4 * STEP),
            branchIf(1, i32.lessSigned(get(POS), get(TO))),
            returnNow(get(TABLE)),
          ),
        ),
        loop(
          set(ENDS, v128.bitmask(newlines(0))),
          set(BITS, v128.bitmask(pairs(0))),
          when(
            get(BITS),
            loop(
              set(END, i32.add(get(POS), i32.trailingZeros(get(BITS)))),
              set(
                PAYLOAD,
                i32.or(
                  get(PAYLOAD),
                  i32.and(
                    isWord(get(END), -3, '"pay'),
                    isWord(get(END), 1, 'load'),
                    isWord(get(END), 4, 'd":{'),
                  ),
                ),
              ),
              set(BITS, i32.and(get(BITS), i32.sub(get(BITS), i32.constant(1)))),
              branchIf(0, get(BITS)),
            ),
          ),
          when(
            i32.eqz(get(ENDS)),
            forward(STEP),
            branchIf(1, i32.lessSigned(get(POS), get(TO))),
            returnNow(get(TABLE)),
          ),
        ),
        set(END, i32.add(get(POS), i32.trailingZeros(get(ENDS)))),
        returnIf(i32.eqz(i32.lessSigned(get(END), get(TO))), get(TABLE)),
        set(INDEX, i32.constant(0)),
        when(
          i32.and(isByte(get(AT), 0, OPEN_BRACE), isByte(get(END), -1, CLOSE_BRACE)),
          // What follows the member closes the entry.
          set(PREV, call(places.prev, get(AT), get(END), i32.constant(-1))),
          when(
            get(PREV),
            when(
              i32.and(isByte(get(PREV), PREV_START - 1, QUOTE), isByte(get(PREV), PREV_END, QUOTE)),
              // Between the two members everything that opens closes.
              set(INDEX, call(places.index, get(AT), get(PREV), i32.constant(0))),
            ),
          ),
        ),
        row(ROW_END, get(END)),
        row(ROW_PREV, select(get(INDEX), i32.add(get(PREV), i32.constant(PREV_START)), i32.constant(0))),
        row(ROW_INDEX, i32.add(get(INDEX), i32.constant(INDEX_START))),
        row(ROW_TYPE, select(get(PAYLOAD), i32.constant(TYPE_PAYLOAD), call(places.type, get(END)))),
        set(TABLE, i32.add(get(TABLE), i32.constant(ROW_BYTES))),
        set(AT, i32.add(get(END), i32.constant(1))),
        branchIf(0, i32.and(i32.lessSigned(get(TABLE), get(TABLE_END)), i32.lessSigned(get(AT), get(TO)))),
      ),
      get(TABLE),
    ),
  };
}

/** The functions in the order in which they are to be assembled, the first at `first`. */
export function lineFunctions(first: number, nesting: number): readonly WasmFunction[] {
  return [
    memberFunction('memberPrev', ',"prev":', nesting),
    memberFunction('memberIndex', ',"index"', nesting),
    typeFunction(),
    linesFunction({ prev: first, index: first + 1, type: first + 2 }),
  ];
}
