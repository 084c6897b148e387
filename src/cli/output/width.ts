/** How many columns a text takes on a terminal, and cutting it to a number of them. */
const ASCII = /^[\u0020-\u007e]*$/;
let segmenter: Intl.Segmenter | undefined;
/** Made when it is first needed: making one takes longer than all else that most commands print. */
function segments(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}
/** East Asian wide and fullwidth blocks, and everything shown as an emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^[\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const ZERO = /^\p{Mark}+$/u;

function graphemeWidth(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** For text without escape sequences. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segments(text)) width += graphemeWidth(segment);
  return width;
}

/** Where a text is cut: `middle` keeps the end too (paths, ids), `words` the first words that fit, whole, and no "…". */
export type Cut = 'end' | 'middle' | 'words';

/** At most `width` columns; what is cut off shows as "…". */
export function fit(text: string, width: number, from: Cut = 'end'): string {
  if (textWidth(text) <= width) return text;
  if (width <= 1) return width === 1 ? '…' : '';
  if (from === 'words') {
    const first = wrap(text, width)[0] ?? '';
    if (textWidth(first) <= width) return first;
  }
  const graphemes = [...segments(text)].map(({ segment }) => segment);
  const tail = from === 'middle' ? tailOf(graphemes, width) : [];
  const head = takeColumns(graphemes, width - 1 - columns(tail));
  return `${head.join('')}…${tail.join('')}`;
}

/** In the order of how well a text is cut before them. */
const SEAMS: readonly string[] = ['/', '.', '-', '_', ' ', ':', '@'];

/** The end of a text that is cut in the middle: from a seam on when there is one, so that its last name stays whole. */
function tailOf(graphemes: readonly string[], width: number): string[] {
  const last = (columns: number): string[] => takeColumns(graphemes.toReversed(), columns).toReversed();
  const usual = last(Math.floor(((width - 1) * 2) / 5));
  const most = last(Math.floor((width - 1) / 2));
  for (const seam of SEAMS) {
    const at = usual.indexOf(seam);
    // A seam at the very end would leave nothing of the end.
    if (at !== -1 && at < usual.length - 1) return usual.slice(at);
    const longer = most.lastIndexOf(seam);
    if (longer !== -1 && longer < most.length - 1) return most.slice(longer);
  }
  return takeColumns(graphemes.toReversed(), Math.floor((width - 1) / 3)).toReversed();
}

function columns(graphemes: readonly string[]): number {
  return graphemes.reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0);
}

function takeColumns(graphemes: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const grapheme of graphemes) {
    used += graphemeWidth(grapheme);
    if (used > width) break;
    taken.push(grapheme);
  }
  return taken;
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + space : space + text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours are what is looked for
const COLOURS = /\u001b\[\d+m/g;

/** Of a text that may hold colours. */
export function shownWidth(text: string): number {
  return textWidth(text.replace(COLOURS, ''));
}

/** Lines of at most `width` columns, broken at spaces; a longer word stays whole, to be copied. May hold colours. */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )/)) {
    if (line !== '' && shownWidth((line + word).trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
  }
  return [...lines, line.trimEnd()];
}
