/** How parts of the compiler tell what is wrong: the place in the file, and what mends it. */
import { shown } from '../hosts.ts';
import { didYouMean } from '../suggest.ts';

export interface Complaint {
  readonly problem: string;
  readonly hint?: string;
  /** Looked for only when it is told: what was meant, in place of `hint`. */
  readonly guess?: () => string | undefined;
  /** Within the text that stands at the place, in UTF-16 units. */
  readonly offset?: number;
}

export type Complain = (path: readonly PropertyKey[], complaint: Complaint) => void;

/** Of more names than these none is looked for: each costs a comparison of every letter with every letter. */
const GUESSED = 5_000;

/** Of a name that nothing has: the nearest of those that there are, or what to do. */
export function unknownName(
  what: string,
  name: string,
  known: ReadonlySet<string>,
  otherwise: string,
): Complaint {
  return {
    problem: `there is no ${what} ${shown(name)}`,
    hint: otherwise,
    guess: () => (known.size > GUESSED ? undefined : didYouMean(name, known)),
  };
}

type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];
export type Present<T> = Omit<T, Optional<T>> & { [K in Optional<T>]?: Exclude<T[K], undefined> };

/** Members that have a value. What the file does not say is absent, so that the same meaning has the same bytes. */
export function present<T extends object>(members: T): Present<T> {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as unknown as Present<T>;
}
