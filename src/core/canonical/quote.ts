/**
 * JSON string literals as RFC 8785 §3.2.2.2 writes them. ECMAScript's JSON.stringify writes the same, except that it
 * escapes lone surrogates, which have no UTF-8 form and are refused here.
 */
const NEEDS_CARE = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;
/** Below this length a loop beats the regular expression's call; measured on the strings of real entries. */
const SHORT = 20;

/** True when `"` + text + `"` is its JSON form. */
export function isPlain(text: string): boolean {
  if (text.length > SHORT) return !NEEDS_CARE.test(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || unit >= 0xd800) return false;
  }
  return true;
}

/** The JSON literal, or undefined when the text holds a lone surrogate. */
export function quote(text: string): string | undefined {
  if (isPlain(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : undefined;
}
