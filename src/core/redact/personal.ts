/** Rules for personal data. Each has a validator, because digits and letters in a row are usually something else. */
import { afterBoundary, isDigit } from './anchors.ts';
import { ibanPart } from './iban.ts';
import type { Rule } from './rules.ts';

/** Issuer ranges and lengths. Luhn alone would take one number in ten. */
const CARDS =
  /^(?:4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11,16}|35[0-9]{14,17}|(?:50|5[6-8]|6[0-9])[0-9]{14,17})$/;

/** ISO/IEC 7812-1 annex B. `digits` holds digits only. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 0x30;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const DOMAIN = /^@[^@]{0,253}[^@.]\.(?:[A-Za-z\u0080-\uffff]{2,24}|xn--[A-Za-z0-9-]{2,59})$/;
const LOCAL_CHAR = /[A-Za-z0-9._%+\-\u0080-\uffff]/;
/** RFC 5321 section 4.5.3.1.1. */
const LOCAL_CHARS = 64;

/**
 * A registrable name in front of a top-level domain of letters; full stops and hyphens behind it belong to the text.
 * The expression starts at the "@" and the local part is read backwards: trying every letter of a long text as the
 * start of an address would cost sixty times as much.
 */
function emailPart(match: RegExpExecArray): readonly [number, number] | number {
  const { index, input } = match;
  let local = 0;
  while (local < LOCAL_CHARS && LOCAL_CHAR.test(input[index - local - 1] ?? '')) local++;
  let end = match[0].length;
  while (match[0][end - 1] === '.' || match[0][end - 1] === '-') end--;
  // git@ is the user name of every git remote.
  const isAddress =
    local > 0 && input.slice(index - local, index) !== 'git' && DOMAIN.test(match[0].slice(0, end));
  return isAddress ? [-local, end] : 1;
}

const FEWEST_PHONE_DIGITS = 8;

const isPhoneFiller = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x28 || byte === 0x29 || byte === 0x2d || byte === 0x2e;

function mayBePhone(bytes: Uint8Array, at: number, end: number): boolean {
  let digits = 0;
  for (let i = at + 1; i < end && digits < FEWEST_PHONE_DIGITS; i++) {
    if (isDigit(bytes[i])) digits++;
    else if (!isPhoneFiller(bytes[i])) return false;
  }
  return digits === FEWEST_PHONE_DIGITS && afterBoundary(bytes, at);
}

export const PERSONAL_RULES: readonly Rule[] = [
  {
    name: 'card',
    anchors: 'digits',
    expression:
      /(?<![A-Za-z0-9]|[0-9]\.)(?:[2-6][0-9]{12,18}|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5})(?!\.?[A-Za-z0-9])/g,
    part: (match) => {
      const digits = match[0].replace(/[ -]/g, '');
      return CARDS.test(digits) && passesLuhn(digits) ? [0, match[0].length] : 1;
    },
  },
  {
    name: 'iban',
    anchors: 'digits',
    expression: /(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    part: ibanPart,
  },
  {
    name: 'email',
    anchors: 'at',
    expression: /@[A-Za-z0-9\u0080-\uffff][A-Za-z0-9.\-\u0080-\uffff]{1,254}/g,
    part: emailPart,
  },
  {
    name: 'phone',
    anchors: [{ text: '+', confirm: mayBePhone }],
    // E.164: 8 to 15 digits. Numbers without a country code are too much like any other number.
    expression: /(?<![A-Za-z0-9+])\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9])/g,
  },
];
