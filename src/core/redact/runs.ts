/**
 * The gate's look at runs of digits and capitals: card numbers and IBANs have no fixed text to look for, but both are
 * at least 13 such bytes in a row. So every 13th byte decides where to look, and the rest is skipped.
 */
import { afterBoundary, isDigit, nearEscape } from './anchors.ts';
import { IBAN_COUNTRIES } from './iban.ts';

/** The shortest card number that is taken for one; the shortest IBAN has 15 characters. */
const FEWEST = 13;
const MOST_CARD_DIGITS = 19;

const SPACE = 0x20;
const HYPHEN = 0x2d;
const POINT = 0x2e;

const DIGIT = 1;
const CAPITAL = 2;
const SEPARATOR = 3;
/** Any byte to its kind; 0 ends a run. */
const KIND = new Uint8Array(256);
KIND.fill(DIGIT, 0x30, 0x3a);
KIND.fill(CAPITAL, 0x41, 0x5b);
KIND[SPACE] = SEPARATOR;
KIND[HYPHEN] = SEPARATOR;

/** False only when the JSON text holds no number that the rules for cards and IBANs would take. */
export function mayHoldNumber(bytes: Uint8Array, end: number): boolean {
  for (let at = FEWEST - 1; at < end; at += FEWEST) {
    if (KIND[bytes[at] as number] === 0) continue;
    let from = at;
    while (from > 0 && KIND[bytes[from - 1] as number] !== 0) from--;
    let to = at + 1;
    while (to < end && KIND[bytes[to] as number] !== 0) to++;
    if (to - from >= FEWEST && isSuspicious(bytes, from, to)) return true;
    // On from behind the run, so that a long one is read once.
    while (at + FEWEST < to) at += FEWEST;
  }
  return false;
}

function isSuspicious(bytes: Uint8Array, from: number, to: number): boolean {
  // Behind an escape the first bytes may belong to the escape (\\u0000), so nothing is ruled out.
  if (nearEscape(bytes, from)) return true;
  let number = from;
  for (let at = from; at < to; at++) {
    const kind = KIND[bytes[at] as number];
    if (kind !== CAPITAL) continue;
    if (mayBeCard(bytes, number, at)) return true;
    number = at + 1;
    const starts = at === from ? afterBoundary(bytes, at) : KIND[bytes[at - 1] as number] === SEPARATOR;
    if (starts && mayBeIban(bytes, at)) return true;
  }
  return mayBeCard(bytes, number, to);
}

/**
 * [from, to) are digits and separators only. Cards are printed without separators, as 4-4-4-n, or as 4-6-n; the parts
 * of a date or a UUID have other lengths.
 */
function mayBeCard(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < FEWEST) return false;
  let third = 0;
  let second = 0;
  let first = 0;
  for (let at = from; at < to; ) {
    let end = at;
    while (end < to && KIND[bytes[end] as number] === DIGIT) end++;
    const digits = end - at;
    if (digits >= FEWEST && isCardNumber(bytes, at, digits)) return true;
    if (third === 4 && second === 4 && first === 4 && digits >= 1 && digits <= 7) return true;
    if (second === 4 && first === 6 && (digits === 4 || digits === 5)) return true;
    third = second;
    second = first;
    first = digits;
    at = end + 1;
  }
  return false;
}

function isCardNumber(bytes: Uint8Array, at: number, digits: number): boolean {
  const first = bytes[at] as number;
  const fraction = bytes[at - 1] === POINT && isDigit(bytes[at - 2]);
  return (
    digits <= MOST_CARD_DIGITS && first >= 0x32 && first <= 0x36 && !fraction && afterBoundary(bytes, at)
  );
}

function mayBeIban(bytes: Uint8Array, at: number): boolean {
  return (
    isDigit(bytes[at + 2]) &&
    isDigit(bytes[at + 3]) &&
    IBAN_COUNTRIES.has(String.fromCharCode(bytes[at] as number, bytes[at + 1] as number))
  );
}
