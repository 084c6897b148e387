/** How deep a JSON text is nested, before anything walks it. */
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Brackets in strings do not count. One pass, no recursion; text that is no JSON gets some answer. */
export function isDeeperThan(bytes: Uint8Array, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (OPEN.has(byte)) {
      if (++depth > most) return true;
    } else if (CLOSE.has(byte)) depth--;
  }
  return false;
}
