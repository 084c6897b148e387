/** What people call the things that rows are counted by. */
import { InvalidArgumentError } from 'commander';
import { didYouMean } from '../core/policy/suggest.ts';
import { DIMENSIONS, type Dimension } from '../core/query/port.ts';

/** Times are counted with every summary; asked for by name they become a table too. */
export const TIMES = ['hour', 'day'] as const;
export type By = Dimension | (typeof TIMES)[number];

const OTHER_WORDS: Readonly<Record<string, Dimension>> = {
  domain: 'host',
  reason: 'reasonCode',
  reason_code: 'reasonCode',
  env: 'environment',
};

/** As it is called on the command line and in JSON. */
export function dimensionWord(by: By): string {
  return by === 'reasonCode' ? 'reason' : by;
}

/** A value parser for commander: `agent`, or several, with commas or one after the other. */
export function parseBy(text: string, before: readonly By[] | undefined): readonly By[] {
  const named = text.split(',').map((word) => dimensionOf(word.trim().toLowerCase()));
  return [...new Set([...(before ?? []), ...named])];
}

function dimensionOf(word: string): By {
  const all: readonly By[] = [...DIMENSIONS, ...TIMES];
  const found = Object.hasOwn(OTHER_WORDS, word) ? OTHER_WORDS[word] : all.find((by) => by === word);
  if (found !== undefined) return found;
  const words = all.map(dimensionWord);
  const meant = didYouMean(word, words);
  throw new InvalidArgumentError(
    `${meant === undefined ? '' : `Did you mean ${meant}? `}It is one of ${words.join(', ')}.`,
  );
}
