/**
 * Text of others on our terminal. Entries hold what agents and upstreams sent; whoever can write a path or a reason
 * could otherwise move the auditor's cursor, recolour a verdict, or turn text around. So every control character and
 * every invisible or reordering one is shown as its escape.
 */

/** C0, DEL, C1 (U+009B is a terminal's CSI), line and paragraph separators, bidi controls, zero-width characters, tags. */
const HOSTILE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;
/** The same without the C0 ones, which JSON text holds as escapes already. */
const HOSTILE_IN_JSON =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

function escapeUnits(text: string): string {
  let escaped = '';
  for (let i = 0; i < text.length; i++) escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return escaped;
}

/** One line of text that a terminal shows and never obeys. Newlines and tabs become `\n` and `\t`. */
export function safe(text: string): string {
  return text.replace(HOSTILE, (hostile) => {
    if (hostile === '\n') return '\\n';
    if (hostile === '\r') return '\\r';
    if (hostile === '\t') return '\\t';
    return escapeUnits(hostile);
  });
}

/** Lines of text for a terminal: as `safe`, but line ends and tabs stay. */
export function safeLines(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/[^\n\t]+/g, safe);
}

/** JSON text with the same value, and nothing in it that a terminal obeys. */
export function safeJsonText(json: string): string {
  return json.replace(HOSTILE_IN_JSON, escapeUnits);
}

/** A value as JSON on one line that may be wrapped at its spaces. */
export function toJsonLine(value: unknown): string {
  // Line breaks inside of strings are escaped, so these are JSON's own.
  return safe(JSON.stringify(value, undefined, 1).replace(/\n\s*/g, ' '));
}

/** A value as JSON for standard output: indented for people, and still safe on their terminal. */
export function toJson(value: unknown): string {
  return safeJsonText(JSON.stringify(value, undefined, 2));
}
