import { safe } from './output/safe.ts';
import type { Output } from './output/stream.ts';
import { shownWidth, textWidth, wrap } from './output/width.ts';

/** A label and what is to say about it; a fact without text is left out. */
export type Fact = readonly [label: string, text: string | undefined];

/**
 * Facts under each other, labels dimmed and aligned. Nothing is cut: paths and keys are for copying. On a terminal texts
 * are wrapped at spaces; what is too long for that begins on a line of its own.
 */
export function factLines(
  facts: readonly Fact[],
  { style, width }: Pick<Output, 'style' | 'width'>,
): string[] {
  const told = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  const labels = told.reduce((most, [label]) => Math.max(most, textWidth(label)), 0) + GAP.length;
  return told.flatMap(([label, text]) => {
    const room = width === undefined ? undefined : width - labels;
    const lines = wrap(text, room);
    if (width === undefined || lines.every((line) => shownWidth(line) <= (room ?? 0)))
      return lines.map((line, i) => `${style.dim((i === 0 ? label : '').padEnd(labels))}${line}`);
    const below = wrap(text, width - GAP.length).map((line) => `${GAP}${line}`);
    return label === '' ? below : [style.dim(label), ...below];
  });
}

const GAP = '  ';

/** `12 entries`, `1 entry`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

/** A message of several lines, for a place that has one. */
export function oneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .reduce((all, line) => (all === '' ? line : `${all}${all.endsWith(':') ? '' : ';'} ${line}`), '');
}

/** Text that somebody else wrote, or `undefined`. */
export function shown(text: string | undefined): string | undefined {
  return text === undefined ? undefined : safe(text);
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `812 B`, `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`;
}
