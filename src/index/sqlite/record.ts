/** The row that an entry would be by itself, as the bytes of it in a piece (piece.ts). Texts are numbers in the piece's list. */
import type { Single } from '../../core/query/fold.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { IndexDamage } from './damage.ts';
import { msOf } from './times.ts';

// biome-ignore format: a list
const TEXTS = [
  'type', 'phase', 'tenant', 'surface', 'assurance', 'agent', 'identity', 'token', 'user', 'onBehalfOf', 'run', 'step',
  'session', 'project', 'environment', 'method', 'host', 'action', 'tool', 'decision', 'reasonCode', 'layer', 'status',
] as const;
const NUMBERS = ['statusCode', 'durationMs'] as const;
type Stored =
  | (typeof TEXTS)[number]
  | (typeof NUMBERS)[number]
  | 'id'
  | 'parent'
  | 'ts'
  | 'credentials'
  | 'enforced'
  | 'redacted'
  | 'index'
  | 'end';
/** A field that is added to rows and forgotten here does not compile. */
const COMPLETE: [Exclude<keyof Single, Stored>] extends [never] ? true : false = true;

/** How a value is written: none, a text of the list, or in its usual form. Numbers in it follow from `USUAL` on. */
const NONE = 0;
const TEXT = 1;
const USUAL = 2;

const ENFORCED = 1;
const REDACTED = 2;

/** The list of texts while a piece is written. */
export type TextNumber = (text: string) => number;

export function writeSingle(out: ByteWriter, single: Single, base: number, numberOf: TextNumber): void {
  const optional = (text: string | undefined): void =>
    out.number(text === undefined || !COMPLETE ? NONE : TEXT + numberOf(text));
  out.byte((single.enforced ? ENFORCED : 0) | (single.redacted ? REDACTED : 0));
  writeId(out, single.id, numberOf);
  writeId(out, single.parent, numberOf);
  writeTime(out, single.ts, base, numberOf);
  for (let i = 0; i < TEXTS.length; i++) optional(single[TEXTS[i] as (typeof TEXTS)[number]]);
  for (const name of NUMBERS) {
    const value = single[name];
    if (value === undefined) out.number(NONE);
    else if (value >= 0 && value < MOST && Number.isInteger(value) && !Object.is(value, -0))
      out.number(USUAL + value);
    else {
      out.number(TEXT);
      out.number(numberOf(Object.is(value, -0) ? '-0' : String(value)));
    }
  }
  out.number(single.credentials.length);
  for (const credential of single.credentials) out.number(numberOf(credential));
}

const MOST = 2 ** 52;

/** `textOf`: a text of the piece's list by its number. */
export function readSingle(
  from: ByteReader,
  index: number,
  base: number,
  textOf: (number: number) => string,
): Single {
  const flags = from.byte();
  const single: Record<string, unknown> = { index };
  single.id = readId(from, textOf);
  const parent = readId(from, textOf);
  single.ts = readTime(from, base, textOf);
  for (let i = 0; i < TEXTS.length; i++) {
    const number = from.number();
    single[TEXTS[i] as string] = number === NONE ? undefined : textOf(number - TEXT);
  }
  for (const name of NUMBERS) {
    const number = from.number();
    single[name] =
      number === NONE ? undefined : number === TEXT ? Number(textOf(from.number())) : number - USUAL;
  }
  const credentials: string[] = [];
  for (let left = from.number(); left > 0; left--) credentials.push(textOf(from.number()));
  single.credentials = credentials;
  single.enforced = (flags & ENFORCED) !== 0;
  single.redacted = (flags & REDACTED) !== 0;
  if (parent !== undefined) single.parent = parent;
  return single as unknown as Single;
}

const PREFIX = 'log_';
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const DIGIT_BITS = 5;
const ID_DIGITS = 26;
const ID_BYTES = Math.ceil((ID_DIGITS * DIGIT_BITS) / 8);
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)));
const packed = new Uint8Array(ID_BYTES);

function writeId(out: ByteWriter, id: string | undefined, numberOf: TextNumber): void {
  if (id === undefined) out.number(NONE);
  else if (packId(id)) {
    out.number(USUAL);
    out.bytes(packed);
  } else {
    out.number(TEXT);
    out.number(numberOf(id));
  }
}

/** Whether it is an id as this product makes them; its digits are in `packed` then. */
function packId(id: string): boolean {
  if (id.length !== PREFIX.length + ID_DIGITS || !id.startsWith(PREFIX)) return false;
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = PREFIX.length; i < id.length; i++) {
    const value = VALUES[id.charCodeAt(i)];
    if (value === undefined || value < 0) return false;
    held = ((held << DIGIT_BITS) | value) & 0xfff;
    bits += DIGIT_BITS;
    if (bits < 8) continue;
    bits -= 8;
    packed[at++] = held >>> bits;
  }
  packed[at] = held << (8 - bits);
  return true;
}

function readId(from: ByteReader, textOf: (number: number) => string): string | undefined {
  const form = from.number();
  if (form === NONE) return undefined;
  if (form === TEXT) return textOf(from.number());
  if (form !== USUAL) throw new IndexDamage('an id has no form that is known');
  let id = PREFIX;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < ID_BYTES; i++) {
    held = ((held << 8) | from.byte()) & 0xfff;
    bits += 8;
    for (; bits >= DIGIT_BITS && id.length < PREFIX.length + ID_DIGITS; bits -= DIGIT_BITS)
      id += DIGITS[(held >>> (bits - DIGIT_BITS)) & 31];
  }
  return id;
}

/** `base`: a time near it, in milliseconds. */
function writeTime(out: ByteWriter, ts: string | undefined, base: number, numberOf: TextNumber): void {
  const ms = ts === undefined ? undefined : msOf(ts);
  if (ts === undefined) out.number(NONE);
  else if (ms === undefined) {
    out.number(TEXT);
    out.number(numberOf(ts));
  } else out.number(USUAL + (ms >= base ? 2 * (ms - base) : 2 * (base - ms) - 1));
}

function readTime(from: ByteReader, base: number, textOf: (number: number) => string): string | undefined {
  const form = from.number();
  if (form === NONE) return undefined;
  if (form === TEXT) return textOf(from.number());
  const after = form - USUAL;
  const ms = after % 2 === 0 ? base + after / 2 : base - (after + 1) / 2;
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) throw new IndexDamage('a time is none');
  return date.toISOString();
}
