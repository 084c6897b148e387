/** The beginning of a payload that is too long to be kept whole. */

const CONTINUATION = 0b1000_0000;
const CONTINUATION_MASK = 0b1100_0000;
const LONGEST_CHARACTER = 4;

/**
 * At most `most` bytes, never ending inside a UTF-8 character. Runs after redaction: cut before it, half of a secret
 * would no longer be recognised.
 */
export function cutText(text: Uint8Array, most: number): Uint8Array {
  if (text.length <= most) return text;
  let end = most;
  const least = Math.max(0, most - LONGEST_CHARACTER);
  while (end > least && isContinuation(text[end])) end--;
  return text.subarray(0, end);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & CONTINUATION_MASK) === CONTINUATION;
}
