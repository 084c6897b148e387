/**
 * One cheap pass over the serialised entry that answers "may any rule have something to do here?". It may say yes in
 * vain; it must never say no to a text that the rules would change, because then they do not run. Most entries hold
 * nothing to redact, and pay this pass only.
 */
import { type Anchor, afterBoundary, createAnchorTable, isDigit } from './anchors.ts';
import { KEY_NAME_CHARS, type SecretNames } from './keys.ts';
import type { Rule } from './rules.ts';

/**
 * `bytes` up to `end` are JSON text without white space between tokens; `identities` is how many at signs are known to
 * be identity fields.
 */
export type Gate = (bytes: Uint8Array, end: number, identities: number) => boolean;

export function createGate(rules: readonly Rule[], names: SecretNames): Gate {
  let seenAts = 0;
  let allowedAts = 0;
  const anchors: Anchor[] = names.stems.map((stem) => ({
    text: stem,
    ignoreCase: true,
    confirm: (bytes, at, end) =>
      isAssigned(bytes, at + stem.length, end) || isSecretMember(names, bytes, at, at + stem.length, end),
  }));
  for (const rule of rules) {
    if (rule.anchors === 'at') anchors.push({ text: '@', confirm: () => ++seenAts > allowedAts });
    else if (rule.anchors !== 'digits' && rule.anchors !== 'names') anchors.push(...rule.anchors);
  }
  const blind = rules.some((rule) => rule.anchors.length === 0);
  const { pairs, confirms } = createAnchorTable(anchors);

  return (bytes, end, identities) => {
    if (blind) return true;
    seenAts = 0;
    allowedAts = identities;
    let pair = 0;
    for (let i = 0; i < end; i++) {
      pair = ((pair << 8) | (bytes[i] as number)) & 0xffff;
      const id = pairs[pair] as number;
      if (id !== 0 && confirms(id, bytes, i, end)) return true;
    }
    return hasCardLikeDigits(bytes, end);
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const APOSTROPHE = 0x27;
const COLON = 0x3a;
const EQUALS = 0x3d;
const HYPHEN = 0x2d;

/** `name=` or `name:` inside a string, quotes (escaped, since this is JSON text) and blanks between them allowed. */
function isAssigned(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  for (; at < end; at++) {
    const byte = bytes[at];
    // An escape is a quote, a backslash or a blank; anything else costs a needless walk at worst.
    if (byte === BACKSLASH) at++;
    else if (byte !== SPACE && byte !== APOSTROPHE) break;
  }
  return bytes[at] === EQUALS || bytes[at] === COLON;
}

/** JSON spells one UTF-16 unit in at most six bytes. */
const KEY_BYTES = KEY_NAME_CHARS * 6;
const decoder = new TextDecoder();

/** Whether the string around [from, to) is a member name that stands for a secret. */
function isSecretMember(
  names: SecretNames,
  bytes: Uint8Array,
  from: number,
  to: number,
  end: number,
): boolean {
  let close = to;
  const most = Math.min(end - 1, to + KEY_BYTES);
  while (close < most && bytes[close] !== QUOTE) close += bytes[close] === BACKSLASH ? 2 : 1;
  if (bytes[close] !== QUOTE || bytes[close + 1] !== COLON) return false;
  let open = from - 1;
  const least = Math.max(0, from - KEY_BYTES);
  while (open > least && !(bytes[open] === QUOTE && !isEscaped(bytes, open))) open--;
  if (bytes[open] !== QUOTE) return false;
  const name = decoder.decode(bytes.subarray(open + 1, close));
  return names.has(name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name);
}

function isEscaped(bytes: Uint8Array, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

const FEWEST_CARD_DIGITS = 13;
const MOST_CARD_DIGITS = 19;

const isDigitOrSeparator = (byte: number | undefined): boolean =>
  isDigit(byte) || byte === SPACE || byte === HYPHEN;

/** A run of 13 bytes covers one of every 13 positions, so only these are looked at. */
function hasCardLikeDigits(bytes: Uint8Array, end: number): boolean {
  let done = 0;
  for (let at = FEWEST_CARD_DIGITS - 1; at < end; at += FEWEST_CARD_DIGITS) {
    if (!isDigitOrSeparator(bytes[at]) || at < done) continue;
    let from = at;
    while (from > done && isDigitOrSeparator(bytes[from - 1])) from--;
    let to = at + 1;
    while (to < end && isDigitOrSeparator(bytes[to])) to++;
    if (to - from >= FEWEST_CARD_DIGITS && isCardLike(bytes, from, to)) return true;
    done = to;
  }
  return false;
}

function isCardLike(bytes: Uint8Array, from: number, to: number): boolean {
  let digits = 0;
  for (let i = from; i < to; i++) if (isDigit(bytes[i])) digits++;
  if (digits < FEWEST_CARD_DIGITS) return false;
  if (digits < to - from) return true;
  // One unbroken number. Behind an escape its first digits may belong to the escape, so nothing is ruled out.
  const behindLetter = from > 0 && !afterBoundary(bytes, from);
  const fraction = bytes[from - 1] === 0x2e && isDigit(bytes[from - 2]);
  if (from > 0 && bytes.subarray(Math.max(0, from - 8), from).includes(BACKSLASH)) return true;
  const first = bytes[from] ?? 0;
  return !behindLetter && !fraction && digits <= MOST_CARD_DIGITS && first >= 0x32 && first <= 0x36;
}
