/** International bank account numbers (ISO 13616). */

/** Lengths of IBANs by country (the registry of ISO 13616). */
// biome-ignore format: a table of 90 short lines says no more
const IBAN_LENGTHS: Readonly<Record<string, number>> = { AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22, DJ: 27, DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28, HN: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20, MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25, SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30,
};

export const IBAN_COUNTRIES: ReadonlySet<string> = new Set(Object.keys(IBAN_LENGTHS));

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
export function ibanPart(match: RegExpExecArray): readonly [number, number] | number {
  const text = match[0];
  const length = IBAN_LENGTHS[text.slice(0, 2)];
  if (length === undefined) return 1;
  let end = 0;
  for (let kept = 0; end < text.length && kept < length; end++) if (text[end] !== ' ') kept++;
  const next = text[end];
  if (next !== undefined && next !== ' ') return 1;
  return isIban(text.slice(0, end).replaceAll(' ', '')) ? [0, end] : 1;
}
