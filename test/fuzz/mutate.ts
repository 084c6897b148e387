/**
 * Inputs that are nearly right: valid ones with a few changes of the kinds that decoders get wrong. Random bytes hardly
 * come past a first line; these come everywhere.
 */
import fc from 'fast-check';

/** Where numbers stand, these stand instead. */
const NUMBERS = [
  '0',
  '00',
  '01',
  '-1',
  '-0',
  '+1',
  '1.0',
  '1e3',
  '255',
  '256',
  '65536',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '18446744073709551615',
  '99999999999999999999',
  '1'.repeat(400),
  '0x10',
  '١',
  '',
];
const TEXTS = [
  '\r\n',
  '\n',
  '\n\n',
  '\r',
  '\0',
  '\t',
  ' ',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '—',
  '-',
  '+',
  '=',
  '==',
  '/',
  '\\',
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"index":',
  '"prev":"',
  '__proto__',
  'constructor',
  '\\u0022',
  '%2e%2e',
  '../',
  '\ud800',
  '😀',
  'AAAA',
  'null',
];
const BYTES = [
  0x00, 0x01, 0x7f, 0x80, 0xc0, 0xff, 0x0a, 0x0d, 0x22, 0x5c, 0x7b, 0x7d, 0x2c, 0x3a, 0x3d, 0x2b,
];

/** A hundred signature lines fit. A case has to cost microseconds, so that a million of them can be run. */
const MOST_BYTES = 16_384;

/** A change: what, where, and one more number; the meaning of the two depends on the bytes they meet. */
type Change = readonly [kind: number, at: number, more: number];

const latin = (text: string): Buffer => Buffer.from(text, 'utf8');
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;

function splice(bytes: Buffer, from: number, to: number, ...put: readonly Uint8Array[]): Buffer {
  return Buffer.concat([bytes.subarray(0, from), ...put, bytes.subarray(to)]);
}

/** Begin and end of the line that holds place `at`, its newline included. */
function lineAt(bytes: Buffer, at: number): readonly [number, number] {
  const start = at === 0 ? 0 : bytes.lastIndexOf(10, at - 1) + 1;
  const end = bytes.indexOf(10, at);
  return [start, end === -1 ? bytes.length : end + 1];
}

/** The run of characters of one class around `at`, or right after it. */
function runAt(
  bytes: Buffer,
  at: number,
  is: (byte: number) => boolean,
): readonly [number, number] | undefined {
  let start = at;
  while (start < bytes.length && !is(bytes[start] ?? 0)) start++;
  if (start === bytes.length) return undefined;
  let end = start;
  while (end < bytes.length && is(bytes[end] ?? 0)) end++;
  while (start > 0 && is(bytes[start - 1] ?? 0)) start--;
  return [start, end];
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isBase64 = (byte: number): boolean =>
  isDigit(byte) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2b ||
  byte === 0x2f;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

type Act = (bytes: Buffer, at: number, more: number, others: readonly Buffer[]) => Buffer;

const flip: Act = (bytes, at, more) => {
  const changed = Buffer.from(bytes);
  if (bytes.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << (more % 8));
  return changed;
};
const replaceRun =
  (is: (byte: number) => boolean, change: (run: Buffer, more: number) => Uint8Array): Act =>
  (bytes, at, more) => {
    const run = runAt(bytes, at, is);
    return run === undefined ? bytes : splice(bytes, ...run, change(bytes.subarray(...run), more));
  };

/** One more than the last character of base64: the bits that padding leaves over are not zero any more. */
function nonCanonical(run: Buffer): Uint8Array {
  const last = ALPHABET.indexOf(String.fromCharCode(run.at(-1) ?? 0x41));
  return Buffer.concat([run.subarray(0, -1), latin(ALPHABET.charAt((last + 1) % 64))]);
}

const ACTS: readonly Act[] = [
  flip,
  flip,
  (bytes, at, more) => splice(bytes, at, Math.min(bytes.length, at + 1), Buffer.of(pick(BYTES, more))),
  (bytes, at, more) => splice(bytes, at, at, latin(pick(TEXTS, more))),
  (bytes, at, more) => splice(bytes, at, Math.min(bytes.length, at + 1 + (more % 40))),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at) => bytes.subarray(at),
  // Another valid input goes on where this one stops.
  (bytes, at, more, others) => {
    const other = pick(others, more);
    return splice(bytes, at, bytes.length, other.subarray(Math.min(other.length, at)));
  },
  // A line goes, comes twice, comes many times, or changes its place.
  (bytes, at) => splice(bytes, ...lineAt(bytes, at)),
  (bytes, at, more) => {
    const [start, end] = lineAt(bytes, at);
    const times = pick([1, 2, 16, 17, 63, 64, 100, 101], more);
    return splice(
      bytes,
      end,
      end,
      Buffer.from(bytes.subarray(start, end).toString('latin1').repeat(times), 'latin1'),
    );
  },
  (bytes, at, more) => {
    const [start, end] = lineAt(bytes, at);
    const without = splice(bytes, start, end);
    const [to] = lineAt(without, more % (without.length + 1));
    return splice(without, to, to, bytes.subarray(start, end));
  },
  (bytes, at) => {
    const end = bytes.indexOf(10, at);
    return end === -1 ? bytes : splice(bytes, end, end, Buffer.of(13));
  },
  replaceRun(isDigit, (_, more) => latin(pick(NUMBERS, more))),
  replaceRun(isDigit, (run) => Buffer.concat([Buffer.of(0x30), run])),
  replaceRun(isBase64, nonCanonical),
  replaceRun(isBase64, (run, more) => run.subarray(0, run.length - (more % run.length))),
];

const CHANGES: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.tuple(fc.nat(ACTS.length - 1), fc.nat(0xff_ffff), fc.nat(0xffff)),
  { maxLength: 4 },
);

function apply(start: Buffer, changes: readonly Change[], samples: readonly Buffer[]): Buffer {
  let bytes = start;
  for (const [kind, at, more] of changes) {
    bytes = pick(ACTS, kind)(bytes, bytes.length === 0 ? 0 : at % bytes.length, more, samples);
    // Lines that are repeated of repeated lines: what grows without end is another test's business.
    if (bytes.length > MOST_BYTES) bytes = bytes.subarray(0, MOST_BYTES);
  }
  return bytes;
}

/** One of `samples`, with none to four changes. What each is for is the sample's index. */
export function nearly(
  samples: readonly Uint8Array[],
): fc.Arbitrary<{ readonly bytes: Uint8Array; readonly sample: number }> {
  const all = samples.map((sample) => Buffer.from(sample));
  return fc.tuple(fc.nat(all.length - 1), CHANGES).map(([sample, changes]) => ({
    bytes: new Uint8Array(apply(pick(all, sample), changes, all)),
    sample,
  }));
}

/** The same as text. Bytes that are no UTF-8 any more come as replacement characters. */
export function nearlyText(samples: readonly string[]): fc.Arbitrary<string> {
  const all = samples.map(latin);
  return fc
    .tuple(fc.nat(all.length - 1), CHANGES)
    .map(([sample, changes]) => apply(pick(all, sample), changes, all).toString('utf8'));
}

/** A whole number near the edges that matter, or any. */
export const count: fc.Arbitrary<number> = fc.oneof(
  fc.nat(40),
  fc.nat(2 ** 32),
  fc.constantFrom(
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53 - 1,
    2 ** 53,
    255,
    256,
    257,
    65_535,
    65_536,
  ),
);
