/**
 * What is under way now, in places that are used again. A Set or Map that lives for hours while its members live for
 * milliseconds throws a table away every few dozen changes; a thrown-away table that is old keeps the next one and what
 * it held alive until a full collection, so that every call would outlive all quick ones.
 */
export interface Slots<T> {
  /** The place of `item` until it is taken out. */
  put(item: T): number;
  get(at: number): T | undefined;
  /** Does nothing when `item` is not at this place any more. */
  take(at: number, item: T): void;
  /** In no order. */
  all(): T[];
  readonly size: () => number;
}

export function createSlots<T extends object>(): Slots<T> {
  const places: (T | undefined)[] = [];
  const free: number[] = [];
  return {
    put(item) {
      const at = free.pop() ?? places.length;
      places[at] = item;
      return at;
    },
    get: (at) => places[at],
    take(at, item) {
      if (places[at] !== item) return;
      places[at] = undefined;
      free.push(at);
    },
    all: () => places.filter((item) => item !== undefined),
    size: () => places.length - free.length,
  };
}
