import { type Paint, plainText } from './style.ts';
import { type Cut, fit, textWidth } from './width.ts';

export interface Column {
  readonly header: string;
  readonly align?: 'left' | 'right';
  /** Where a text that is too long is cut. */
  readonly cut?: Cut;
  /** Columns it may shrink to when the terminal is narrow; absent: it never shrinks. */
  readonly shrinkTo?: number;
  /** How much of the room that is left it keeps, against the others that shrink. 1 when absent. */
  readonly weight?: number;
  /** Left out, highest number first, when shrinking is not enough. Absent: always there. */
  readonly optional?: number;
}

/** `text` without escape sequences; `paint` colours it after it was cut and padded. */
export interface Cell {
  readonly text: string;
  readonly paint?: Paint;
}

export interface Layout {
  /** Which columns are shown, and how wide. */
  readonly shown: readonly { readonly at: number; readonly width: number }[];
  header(paint: Paint): string;
  row(cells: readonly Cell[]): string;
}

const GAP = '  ';
/** Without an edge, columns are as wide as at most this; longer than ids and names are. */
const PADDED = 80;

/** Chooses columns and widths for `rows`, within `width` columns (undefined: no limit). Later rows may use it too. */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
): Layout {
  const natural = columns.map((column, i) =>
    rows.reduce((most, row) => Math.max(most, textWidth(row[i]?.text ?? '')), textWidth(column.header)),
  );
  const shown = withoutWaste(columns, natural, rows, width);

  function line(cellAt: (at: number) => Cell): string {
    const texts = shown.map(({ at, width: most }) => {
      const column = columns[at];
      const { text, paint = plainText } = cellAt(at);
      // Only a terminal has an edge to cut at.
      const cut = width === undefined ? text : fit(text, most, column?.cut);
      const space = ' '.repeat(Math.max(0, most - textWidth(cut)));
      return column?.align === 'right' ? space + paint(cut) : paint(cut) + space;
    });
    // Trailing spaces wrap on a narrow terminal and end up in what people copy.
    return texts.join(GAP).trimEnd();
  }

  return {
    shown,
    header: (paint) => line((at) => ({ text: columns[at]?.header ?? '', paint })),
    row: (cells) => line((at) => cells[at] ?? { text: '' }),
  };
}

/** What whole words leave empty in their columns is given to the others. */
function withoutWaste(
  columns: readonly Column[],
  natural: readonly number[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
) {
  const shown = choose(columns, natural, width);
  if (width === undefined) return shown;
  const used = [...natural];
  for (const { at, width: most } of shown) {
    const column = columns[at];
    if (column?.cut !== 'words' || most === natural[at]) continue;
    const widths = rows.map((row) => textWidth(fit(row[at]?.text ?? '', most, 'words')));
    used[at] = Math.max(textWidth(column.header), ...widths);
  }
  return choose(columns, used, width);
}

function choose(columns: readonly Column[], natural: readonly number[], width: number | undefined) {
  let shown = columns.map((_, at) => ({ at, width: natural[at] ?? 0 }));
  // Nothing is cut there; one text that is very long does not push the others of its column away.
  if (width === undefined)
    return shown.map((column) => ({ ...column, width: Math.min(column.width, PADDED) }));
  const total = (): number =>
    shown.reduce((sum, column) => sum + column.width, 0) + GAP.length * (shown.length - 1);
  const least = (): number =>
    shown.reduce((sum, { at, width: w }) => sum + Math.min(w, columns[at]?.shrinkTo ?? w), 0) +
    GAP.length * (shown.length - 1);
  // First decide which columns there is room for at all, then give the room that is left.
  for (;;) {
    if (least() <= width) break;
    const drop = shown
      .filter(({ at }) => columns[at]?.optional !== undefined)
      .sort((a, b) => (columns[b.at]?.optional ?? 0) - (columns[a.at]?.optional ?? 0))[0];
    if (drop === undefined) break;
    shown = shown.filter((column) => column !== drop);
  }
  const slack = (column: (typeof shown)[number]): number => {
    const { shrinkTo = column.width, weight = 1 } = columns[column.at] ?? { header: '' };
    return (column.width - shrinkTo) / weight;
  };
  for (let over = total() - width; over > 0; over--) {
    const [loosest] = shown.toSorted((a, b) => slack(b) - slack(a));
    if (loosest === undefined || slack(loosest) <= 0) break;
    shown = shown.map((column) => (column === loosest ? { ...column, width: column.width - 1 } : column));
  }
  return shown;
}
