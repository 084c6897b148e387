/** How the gate finds secret names in JSON text: as member names, and inside strings with a sign behind them. */
import type { Anchor } from './anchors.ts';
import { KEY_NAME_CHARS, type SecretNames } from './keys.ts';

const QUOTE = 0x22;
const SPACE = 0x20;
const APOSTROPHE = 0x27;
const COLON = 0x3a;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** JSON spells one UTF-16 unit in at most six bytes. */
const KEY_BYTES = KEY_NAME_CHARS * 6;

export function nameAnchors(names: SecretNames): readonly Anchor[] {
  return names.stems.map((stem) => {
    const alone = names.has(stem);
    return {
      text: stem,
      ignoreCase: true,
      confirm(bytes, at, end) {
        const behind = at + stem.length;
        const next = bytes[behind] as number;
        // The word goes on, so it is another one: tokens, keyword. (A capital may start a new word.)
        if (next >= 0x61 && next <= 0x7a) return false;
        if (next === QUOTE && bytes[at - 1] === QUOTE) return alone && bytes[behind + 1] === COLON;
        return isAssigned(bytes, behind, end) || isSecretMember(names, bytes, at, behind, end);
      },
    };
  });
}

/** `name=` or `name:` inside a string; quotes (escaped, since this is JSON text) and blanks may stand between. */
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
  let name = '';
  for (let i = open + 1; i < close; i++) {
    const byte = bytes[i] as number;
    // Escapes and letters beyond ASCII are rare in names; the walk decides.
    if (byte === BACKSLASH || byte >= 0x80) return true;
    name += String.fromCharCode(byte);
  }
  return names.has(name);
}

function isEscaped(bytes: Uint8Array, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}
