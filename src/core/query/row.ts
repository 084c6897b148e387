/**
 * Rows of the log, folded in its order: what every index keeps, and what a brute-force reading finds. A row is a call
 * (its pre_exec, and its post_exec once there is one), or an entry that stands alone.
 */
import { type Facts, RESUMED } from './call.ts';
import { classify, type Kind } from './kind.ts';

/** What is known of a row without reading its entries again. */
export type Row = Omit<Facts, 'index' | 'subject'> & {
  /** Of its first entry: a row's place never changes. */
  readonly index: number;
  /** Index of the post_exec that ends it. */
  readonly end?: number;
};

/**
 * A call that was put to a person, and goes on as another one since the answer: that one's row tells how it ended, and
 * this one is in no list and in no count.
 */
export function isToldElsewhere({ status, end }: Row): boolean {
  return status === RESUMED && end !== undefined;
}

/** How it came out. Every row is exactly one of them. */
export function kindOf(row: Row): Kind {
  return classify(row, row.end !== undefined);
}
