/**
 * What of a JSON body somebody said, and no program meant: the members under which the APIs of models and of chats have
 * what they are told. A placeholder there stays as it is.
 */

/** At any depth: some APIs wrap the conversation into a `request`, or send several. */
const ANYWHERE = new Set([
  '"messages"',
  '"contents"',
  '"chat_history"',
  '"prompt"',
  '"system_instruction"',
  '"systemInstruction"',
]);
/** Of the root alone: deeper down these may be anything. */
const AT_ROOT = new Set([
  '"content"',
  '"input"',
  '"inputs"',
  '"message"',
  '"system"',
  '"instructions"',
  '"text"',
]);

/** What follows a name; a colon that stands further away is not looked for, and its member is none of those. */
const NAMES = /^[ \t\r\n]*:/;
const COLON_CHARS = 16;
const MEMBER_CHARS = 32;

/** Behind the closing quote. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char === '\\') at++;
  }
  return text.length;
}

/**
 * Whether the string at a place is in a conversation. To be asked from left to right about a text that is JSON: each
 * character is looked at once.
 */
export function saidIn(text: string): (place: number) => boolean {
  let at = 0;
  let depth = 0;
  let stringUntil = 0;
  /** How deep the member is that makes what we are in a conversation. */
  let spoken: number | undefined;

  /** A name at this depth: the member before it, and what was in it, is over. */
  function enter(name: string): void {
    if (spoken !== undefined && spoken < depth) return;
    spoken = ANYWHERE.has(name) || (depth === 1 && AT_ROOT.has(name)) ? depth : undefined;
  }

  return (place) => {
    while (at < place && place >= stringUntil) {
      const char = text.charAt(at);
      if (char === '"') {
        stringUntil = stringEnd(text, at);
        // In this string, be it a name or a value.
        if (place < stringUntil) break;
        if (NAMES.test(text.slice(stringUntil, stringUntil + COLON_CHARS)))
          enter(text.slice(at, Math.min(stringUntil, at + MEMBER_CHARS)));
        at = stringUntil;
        continue;
      }
      if (char === '{' || char === '[') depth++;
      else if (char === '}' || char === ']') {
        depth--;
        if (spoken !== undefined && spoken > depth) spoken = undefined;
      }
      at++;
    }
    return spoken !== undefined;
  };
}
