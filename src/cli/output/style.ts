/** Colours as functions. Without colour each returns its text unchanged, so callers never ask. */
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Paint = (text: string) => string;
export type Style = { readonly [name in keyof typeof CODES]: Paint };

export const plainText: Paint = (text) => text;

export function styleFor(colour: boolean): Style {
  const paint = ([on, off]: readonly [number, number]): Paint =>
    colour ? (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`) : plainText;
  return {
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    red: paint(CODES.red),
    green: paint(CODES.green),
    yellow: paint(CODES.yellow),
    blue: paint(CODES.blue),
    magenta: paint(CODES.magenta),
    cyan: paint(CODES.cyan),
  };
}
