/**
 * Keys by which ids are found: numbers, so that ten million of them stay small, and in about the order of time, so that
 * new ones are written side by side. Different ids may share a key: whoever looks one up compares the id itself.
 */
const ULID = /^[a-z]{2,8}_([0-9A-HJKMNP-TV-Z]{10})[0-9A-HJKMNP-TV-Z]{16}$/;
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 2^15 ms: half a minute. Ids of that time are told apart by 28 bits. */
const COARSE_DIGITS = 7;
const HASH_BITS = 28;
const HASHES = 2 ** HASH_BITS;
const TIMES = 2 ** 25;

export function idKey(id: string, seed: number): number {
  const time = ULID.exec(id)?.[1];
  if (time === undefined) return -1 - hashText(id, seed);
  let coarse = 0;
  for (let i = 0; i < COARSE_DIGITS; i++) coarse = coarse * 32 + DIGITS.indexOf(time[i] ?? '0');
  return (coarse % TIMES) * HASHES + (hashText(id, seed) % HASHES);
}

const HALF = 2 ** 24;

/**
 * 48 bits (cyrb53 by bryc, cut). The seed is secret: nobody can make texts that share a hash.
 */
export function hashText(text: string, seed: number): number {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return ((b >>> 0) % HALF) * HALF + ((a >>> 0) % HALF);
}
