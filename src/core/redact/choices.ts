/** Encoders differ in which characters they escape; these are the ways to choose among those that a value holds. */

/** Ways tried for one value: every one is a pattern in the tables. */
const MOST_WAYS = 48;
/** Of a longer value each pattern costs more room: certificates and files, for which the usual encoders have to do. */
export const LONG_CHARS = 4_096;

export const hex = (unit: number, digits: number): string => unit.toString(16).padStart(digits, '0');
export const upper = (text: string): string => text.toUpperCase();
export const keep = (text: string): string => text;

/** Spellings of some characters; all others are left to the encoder. */
export type Spelling = ReadonlyMap<string, string>;

/**
 * Every way to spell the characters of `options` that stand in `value`; beyond MOST_WAYS only those in which all of
 * them take their n-th spelling (or their last one), and the first.
 */
export function spellings(
  value: string,
  options: Readonly<Record<string, readonly string[]>>,
): readonly Spelling[] {
  const present = Object.entries(options).filter(([char]) => value.includes(char));
  const ways = present.reduce((product, [, list]) => product * list.length, 1);
  if (ways > MOST_WAYS || value.length > LONG_CHARS) {
    const most = present.reduce((max, [, list]) => Math.max(max, list.length), 1);
    return Array.from(
      { length: most },
      (_, n) => new Map(present.map(([char, list]) => [char, list[Math.min(n, list.length - 1)] ?? char])),
    );
  }
  let all: readonly (readonly (readonly [string, string])[])[] = [[]];
  for (const [char, list] of present)
    all = all.flatMap((chosen) => list.map((text) => [...chosen, [char, text] as const]));
  return all.map((chosen) => new Map(chosen));
}
