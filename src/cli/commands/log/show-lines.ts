/** Pieces that every part of `tally log show` is made of. */
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import type { Zone } from '../../output/time.ts';
import { shownWidth, wrap } from '../../output/width.ts';

export interface TextOptions {
  readonly style: Style;
  readonly zone: Zone;
  /** Columns to fit; undefined: no limit. */
  readonly width: number | undefined;
}

export type Line = readonly [label: string, value: string];

/** Label on the first of several lines only. */
export function block(label: string, values: readonly string[]): Line[] {
  return values.map((value, i) => [i === 0 ? label : '', value]);
}

export function join(parts: readonly (string | undefined)[], separator = '  '): string {
  return parts.filter((part) => part !== undefined && part !== '').join(separator);
}

export function named(name: string, value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : `${name} ${safe(String(value))}`;
}

const INDENT = '  ';
const LABEL = 13;

/**
 * Values beside their labels. Where the terminal is too narrow for a word of them there, all of that label stands below
 * it: an id is not broken in two as long as it fits into a line.
 */
export function layLines(lines: readonly Line[], { style, width }: TextOptions): string[] {
  return groups(lines).flatMap(([label, values]) => {
    const beside = width === undefined ? undefined : width - INDENT.length - LABEL;
    if (beside !== undefined && values.some((value) => longest(value) > beside)) {
      const below = values.flatMap((value) => broken(value, (width ?? 0) - 2 * INDENT.length));
      return [`${INDENT}${style.dim(label)}`, ...below.map((part) => INDENT + INDENT + part)];
    }
    return values
      .flatMap((value) => broken(value, beside))
      .map((part, i) => `${INDENT}${style.dim((i === 0 ? label : '').padEnd(LABEL))}${part}`);
  });
}

function groups(lines: readonly Line[]): (readonly [label: string, values: string[]])[] {
  const found: (readonly [string, string[]])[] = [];
  for (const [label, value] of lines) {
    const last = found.at(-1);
    if (label === '' && last !== undefined) last[1].push(value);
    else found.push([label, [value]]);
  }
  return found;
}

function longest(value: string): number {
  return Math.max(...value.split(' ').map(shownWidth));
}

/** Of two spaces between words, the second does not begin the next line. */
function broken(value: string, width: number | undefined): string[] {
  return wrap(value, width).map((part, i) => (i === 0 ? part : part.trimStart()));
}
