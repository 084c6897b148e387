/**
 * Which entry a line stands for, once lines have been deleted, inserted, repeated, swapped, joined or torn apart. A
 * deletion moves everything after it: what is reported is the place of the deletion, not each entry that moved.
 *
 * A line that carries an unexpected index is decided by the line after it, so the last decision may be revised.
 */

export const FINE = 0;
export const WRONG_INDEX = 1;
export const UNREADABLE = 2;
export const TOO_LONG = 3;
/** No entry of its own: inserted, or repeated. */
export const EXTRA = 4;
/** The rest of an entry that a newline tore apart; the entry itself is reported. */
export const PIECE = 5;

/** Judgements on lines not yet handed on, oldest first. */
export interface Placed {
  /** The index of the entry that the line stands for, or before which it stands. */
  place: number;
  judgement: number;
  /** The index it carries; -1 when it cannot be read. */
  carries: number;
}

export interface Order {
  /** The index that the next line should carry. */
  readonly expected: number;
  /** The last line is undecided, or could not be read. */
  readonly unsettled: boolean;
  /** A line that carries what is expected while nothing is unsettled. */
  advance(): void;
  /**
   * Any other line. May revise the lines before it, so `last` gives access to them: 1 is the line before this one.
   * `chained`: its `prev` is the leaf hash of the line before.
   */
  next(carries: number, chained: boolean, judgement: number): Placed;
  /** No line follows. */
  end(): void;
}

export interface OrderHost {
  /** The line `back` lines before the one being judged; `undefined` when it was handed on already. */
  last(back: number): Placed | undefined;
  missing(from: number, to: number): void;
}

/** `first`: the index that the first line should carry. */
export function createOrder(host: OrderHost, first = 0): Order {
  let expected = first;
  let pending: { readonly place: number; readonly carries: number; readonly chained: boolean } | undefined;
  let unreadable = 0;

  function revise(back: number, place: number, judgement: number): void {
    const line = host.last(back);
    if (line === undefined) return;
    line.place = place;
    line.judgement = judgement;
  }

  /** Decides the pending line by the index that the next one carries (-1: unreadable; `undefined`: there is none). */
  function decide(next: number | undefined): void {
    if (pending === undefined) return;
    const { place, carries, chained } = pending;
    pending = undefined;
    const runsOn = next === carries + 1;
    if (carries > place) {
      // Entries are gone when the log goes on from here. A line whose `prev` fits is where it was, with another number.
      if (!runsOn && (chained || (next !== undefined && next <= carries))) return;
      host.missing(place, carries);
      revise(1, carries, FINE);
      expected = carries + 1;
    } else if (next === place || runsOn) {
      revise(1, place, EXTRA);
      expected = next;
    }
  }

  return {
    get expected() {
      return expected;
    },
    get unsettled() {
      return pending !== undefined || unreadable > 0;
    },
    advance() {
      expected++;
    },
    next(carries, chained, judgement) {
      decide(carries);
      if (carries < 0) {
        unreadable++;
        return { place: expected++, judgement, carries };
      }
      if (carries < expected && carries >= expected - unreadable) {
        // Fewer entries than unreadable lines stood here: a newline tore one apart, or a line was put in.
        const surplus = carries === expected - unreadable ? EXTRA : PIECE;
        for (let back = expected - carries; back > 0; back--) revise(back, carries, surplus);
        expected = carries;
      }
      unreadable = 0;
      const place = expected++;
      if (carries === place) return { place, judgement: FINE, carries };
      pending = { place, carries, chained };
      return { place, judgement: WRONG_INDEX, carries };
    },
    end() {
      decide(undefined);
    },
  };
}
