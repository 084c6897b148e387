/** One verdict: its mark, its name, and what is to be said, wrapped. */
import type { Status } from '../../core/tlog/verify-report.ts';
import type { Style } from './style.ts';
import { wrap } from './width.ts';

const LABEL = 14;
const INDENT = ' '.repeat(LABEL + 2);
const BELOW = '    ';
const NARROWEST = 30;

/** Where texts stand. Beside the labels a narrow terminal has no room for words: there they stand below them. */
export function besideLabels(width: number | undefined): {
  readonly beside: boolean;
  readonly indent: string;
  readonly room: number | undefined;
} {
  if (width === undefined) return { beside: true, indent: INDENT, room: undefined };
  return width < INDENT.length + NARROWEST
    ? { beside: false, indent: BELOW, room: Math.max(1, width - BELOW.length) }
    : { beside: true, indent: INDENT, room: width - INDENT.length };
}

export function verdictLine(
  status: Status,
  label: string,
  text: string,
  style: Style,
  width: number | undefined,
): string {
  const { beside, indent, room } = besideLabels(width);
  const lines = wrap(text, room);
  if (!beside)
    return [`${mark(status, style)} ${label}`, ...lines.map((part) => `${indent}${part}`)].join('\n');
  return lines
    .map((part, i) => `${i === 0 ? `${mark(status, style)} ${label.padEnd(LABEL)}` : indent}${part}`)
    .join('\n');
}

function mark(status: Status, { green, red, yellow, dim }: Style): string {
  switch (status) {
    case 'pass':
      return green('✓');
    case 'fail':
      return red('✗');
    case 'incomplete':
      return yellow('✗');
    case 'neutral':
      return dim('–');
  }
}
