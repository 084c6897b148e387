/** A captured terminal as a picture: text with its colours, nothing that runs. */

/** Colours of the eight that our program uses, readable on white and on black. */
const COLOURS: Readonly<Record<number, string>> = {
  31: '#d1242f',
  32: '#1a7f37',
  33: '#9a6700',
  34: '#0969da',
  35: '#8250df',
  36: '#1b7c83',
};
const DIM = '#818b98';
const CELL = 8.4;
const LINE = 17;
const PAD = 14;

interface Pen {
  readonly colour: string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
}

const PLAIN: Pen = { colour: undefined, bold: false, dim: false };

function applied(pen: Pen, code: number): Pen {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...pen, bold: true };
  if (code === 2) return { ...pen, dim: true };
  if (code === 22) return { ...pen, bold: false, dim: false };
  if (code === 39) return { ...pen, colour: undefined };
  const colour = COLOURS[code];
  return colour === undefined ? pen : { ...pen, colour };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** `text`: lines with SGR sequences, as `tmux capture-pane -e` gives them. */
export function toSvg(text: string, columns: number): string {
  const lines = text.replace(/\n+$/, '').split('\n');
  const width = Math.round(columns * CELL + 2 * PAD);
  const height = lines.length * LINE + 2 * PAD;
  let pen = PLAIN;
  const drawn = lines.map((line, row) => {
    const y = PAD + (row + 1) * LINE - 4;
    let column = 0;
    const runs: string[] = [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
    for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the same
      const codes = /^\u001b\[([\d;]*)m$/.exec(part)?.[1];
      if (codes !== undefined) {
        for (const code of codes.split(';')) pen = applied(pen, Number(code));
        continue;
      }
      // Runs of spaces are places: a font that has another width must not move what follows.
      for (const piece of part.split(/( {2,})/)) {
        const lead = piece.length - piece.trimStart().length;
        if (piece.trim() !== '') runs.push(runText(piece.trim(), PAD + (column + lead) * CELL, y, pen));
        column += [...piece].length;
      }
    }
    return runs.join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" xml:space="preserve" role="img" aria-labelledby="t"><title id="t">${escaped(lines[0] ?? '')}</title><rect width="100%" height="100%" rx="8" fill="#f6f8fa"/>\n${drawn.filter((line) => line !== '').join('\n')}\n</svg>\n`;
}

function runText(text: string, x: number, y: number, { colour, bold, dim }: Pen): string {
  const fill = colour ?? (dim ? DIM : '#1f2328');
  const width = ([...text].length * CELL).toFixed(1);
  return `<text x="${x.toFixed(1)}" y="${y}" textLength="${width}" lengthAdjust="spacingAndGlyphs" fill="${fill}"${bold ? ' font-weight="600"' : ''}>${escaped(text)}</text>`;
}
