import { grouped } from './progress.ts';

export const NAMED = 5;

/** The first of many, and how many there are in all. */
export function few(texts: readonly string[], count: number): string {
  const shown = texts.slice(0, NAMED).join(', ');
  return count > Math.min(texts.length, NAMED) ? `${shown} … (${grouped(count)} in all)` : shown;
}
