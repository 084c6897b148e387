/** Tables of counts: one column of names, and how their rows came out. Several blocks share their columns. */
import type { Tally } from '../../core/query/port.ts';
import { NARROW } from './narrow.ts';
import { grouped } from './progress.ts';
import { safe } from './safe.ts';
import { bar } from './spark.ts';
import type { Paint, Style } from './style.ts';
import { type Cell, type Column, layOut } from './table.ts';

export interface TallyRow {
  /** Text of the log: it is made safe here. */
  readonly name: string;
  readonly tally: Tally;
  /** Further cells, one for each of `extra`. Already safe. */
  readonly extra?: readonly string[];
}

export interface TallyBlock {
  readonly title: string;
  readonly rows: readonly TallyRow[];
  /** Said below the rows. */
  readonly note?: string;
  /** Other headers for the columns of `extra`, said above this block. */
  readonly headers?: readonly string[];
}

/** What names may shrink to: a name that cannot be told apart is worth less than a column. */
const NAME = 22;
const NAME_NARROW = 14;
const BAR_NARROW = 12;
const BAR_WIDE = 28;
/** From here on bars are long. */
const WIDE = 120;

// biome-ignore format: a table
const COUNTS = [
  { header: 'TOTAL', of: 'total', paint: undefined },
  { header: 'OK', of: 'succeeded', paint: 'green', optional: 4 },
  { header: 'FAILED', of: 'failed', paint: 'red', optional: 1 },
  { header: 'STOPPED', of: 'stopped', paint: 'red', optional: 1.5 },
  { header: 'PENDING', of: 'pending', paint: 'yellow', optional: 3 },
  { header: 'NOTED', of: 'noted', paint: undefined, optional: 6 },
  { header: 'REDACTED', of: 'redacted', paint: 'yellow', optional: 5 },
] as const;

/** Lines without their newlines, within `width` columns (undefined: no limit). Blocks without rows are left out. */
export function tallyLines(
  blocks: readonly TallyBlock[],
  options: { readonly style: Style; readonly width: number | undefined; readonly extra?: readonly Column[] },
): readonly string[] {
  const { style, width, extra = [] } = options;
  const shown = blocks.filter(({ rows }) => rows.length > 0);
  const barWidth = width !== undefined && width < WIDE ? BAR_NARROW : BAR_WIDE;
  const columns: readonly Column[] = [
    { header: '', shrinkTo: width !== undefined && width < NARROW ? NAME_NARROW : NAME, cut: 'middle' },
    { header: '', optional: 9 },
    ...COUNTS.map(
      (count): Column => ({
        header: count.header,
        align: 'right',
        ...('optional' in count ? { optional: count.optional } : {}),
      }),
    ),
    ...extra,
  ];
  const blank = { text: ' '.repeat(barWidth) };
  // What the columns are is said once.
  const heading = ({ title, headers }: TallyBlock, at: number): readonly Cell[] => [
    { text: title.toUpperCase(), paint: style.bold },
    blank,
    ...COUNTS.map(({ header }) => ({ text: at === 0 ? header : '', paint: style.dim })),
    ...extra.map(({ header }, i) => ({
      text: headers?.[i] ?? (at === 0 ? header : ''),
      paint: style.dim,
    })),
  ];
  const cells = ({ rows }: TallyBlock): readonly (readonly Cell[])[] => {
    const most = Math.max(...rows.map(({ tally }) => tally.total));
    return rows.map(({ name, tally, extra: more = [] }) => [
      { text: safe(name) },
      { text: bar(tally.total / most, barWidth), paint: style.cyan },
      ...COUNTS.map(({ of, paint }) =>
        countCell(tally[of], paint === undefined ? undefined : style[paint], style),
      ),
      ...more.map((text) => ({ text, paint: style.dim })),
    ]);
  };
  const layout = layOut(columns, [...shown.map(heading), ...shown.flatMap(cells)], width);
  return shown.flatMap((block, at) => [
    '',
    layout.row(heading(block, at)),
    ...cells(block).map((row) => layout.row(row)),
    ...(block.note === undefined ? [] : [style.dim(block.note)]),
  ]);
}

/** Nothing is nothing to look at. */
function countCell(count: number, paint: Paint | undefined, style: Style): Cell {
  if (count === 0) return { text: '·', paint: style.dim };
  return paint === undefined ? { text: grouped(count) } : { text: grouped(count), paint };
}
