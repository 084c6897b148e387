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
  if (time === undefined) return -1 - ((hash(id, seed) % TIMES) * HASHES + hash(id, ~seed));
  let coarse = 0;
  for (let i = 0; i < COARSE_DIGITS; i++) coarse = coarse * 32 + DIGITS.indexOf(time[i] ?? '0');
  return (coarse % TIMES) * HASHES + hash(id, seed);
}

/** FNV-1a with a final mix (MurmurHash3). The seed is secret: nobody can make ids that all share a key. */
function hash(text: string, seed: number): number {
  let h = seed ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) % HASHES;
}
