/** Cells that a spreadsheet would take for a formula get an apostrophe before them, and lose it when they are read back. */

/**
 * What programs take for the begin of a formula: `=`, `+`, `-`, `@` and their wide and small forms, which some read as
 * the plain ones, also behind white space and characters that nobody sees; and a TAB, CR or LF. Apostrophes before all
 * that count too: a cell that says `'=` itself must not be read back as `=`.
 */
const FORMULA = /^'*(?:[\t\r\n]|[\s\p{C}]*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212])/u;

export function guardFormula(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

/** What `guardFormula` was given. */
export function unguardFormula(text: string): string {
  const without = text.startsWith("'") ? text.slice(1) : undefined;
  return without !== undefined && FORMULA.test(without) ? without : text;
}
