/** Pieces that every part of `tally log show` is made of. */
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import type { Zone } from '../../output/time.ts';

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
