/** Rules for personal data. Each has a validator, because digits and letters in a row are usually something else. */
import { afterBoundary, isDigit } from './anchors.ts';
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

/** Lengths of IBANs by country (the registry of ISO 13616). */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BI: 27,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DJ: 27,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FK: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HN: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MN: 20,
  MR: 27,
  MT: 31,
  MU: 30,
  NI: 28,
  NL: 18,
  NO: 15,
  OM: 23,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  RU: 33,
  SA: 24,
  SC: 31,
  SD: 18,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  SO: 23,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
  YE: 30,
};

/** ISO 13616: the four leading characters to the end, letters as 10 to 35, and the remainder by 97 is 1. */
export function isIban(text: string): boolean {
  if (IBAN_LENGTHS[text.slice(0, 2)] !== text.length) return false;
  let rest = 0;
  for (const char of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    if (Number.isNaN(value)) return false;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** The IBAN at the start of `match`, whose pattern may have run on into the following words. */
function ibanPart(match: RegExpExecArray): readonly [number, number] | number {
  const text = match[0];
  const length = IBAN_LENGTHS[text.slice(0, 2)];
  if (length === undefined) return 1;
  let end = 0;
  for (let kept = 0; end < text.length && kept < length; end++) if (text[end] !== ' ') kept++;
  const next = text[end];
  if (next !== undefined && next !== ' ') return 1;
  return isIban(text.slice(0, end).replaceAll(' ', '')) ? [0, end] : 1;
}

const EMAIL = /@[^@]{0,253}[^@.]\.(?:[A-Za-z\u0080-\uffff]{2,24}|xn--[A-Za-z0-9-]{2,59})$/;

/**
 * A registrable name in front of a top-level domain of letters. Full stops and hyphens behind it belong to the text.
 * What failed goes on behind the "@": starting again inside the local part would fail the same way.
 */
function emailPart(match: RegExpExecArray): readonly [number, number] | number {
  const text = match[0];
  let end = text.length;
  while (text[end - 1] === '.' || text[end - 1] === '-') end--;
  // git@ is the user name of every git remote.
  return EMAIL.test(text.slice(0, end)) && !text.startsWith('git@') ? [0, end] : text.indexOf('@') + 1;
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
    anchors: Object.keys(IBAN_LENGTHS).map((text) => ({
      text,
      confirm: (bytes, at) => isDigit(bytes[at + 2]) && isDigit(bytes[at + 3]) && afterBoundary(bytes, at),
    })),
    expression: /(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    part: ibanPart,
  },
  {
    name: 'email',
    anchors: 'at',
    expression:
      /[A-Za-z0-9._%+\-\u0080-\uffff]{1,64}@[A-Za-z0-9\u0080-\uffff][A-Za-z0-9.\-\u0080-\uffff]{1,254}/g,
    part: emailPart,
  },
  {
    name: 'phone',
    anchors: Array.from({ length: 9 }, (_, i) => ({ text: `+${i + 1}`, confirm: mayBePhone })),
    // E.164: 8 to 15 digits. Numbers without a country code are too much like any other number.
    expression: /(?<![A-Za-z0-9+])\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9])/g,
  },
];
