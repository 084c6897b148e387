/** The entries of rows, in the order of the log: the end of a call stands where it was written, not beside its begin. */

export interface RowPlaces {
  readonly index: number;
  readonly end?: number;
}

/**
 * Indexes, rising. `rows` rise by `index`, and a row ends after it began. Memory: one number for each call that is open
 * at the same time.
 */
export async function* inLogOrder(rows: AsyncIterable<RowPlaces>): AsyncGenerator<number> {
  const ends: number[] = [];
  for await (const { index, end } of rows) {
    while (ends.length > 0 && (ends[0] ?? 0) < index) yield take(ends);
    yield index;
    if (end !== undefined) put(ends, end);
  }
  while (ends.length > 0) yield take(ends);
}

/** A binary heap, the least first. */
function put(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if ((heap[above] ?? 0) <= value) break;
    heap[at] = heap[above] ?? 0;
    at = above;
  }
  heap[at] = value;
}

function take(heap: number[]): number {
  const least = heap[0] ?? 0;
  const last = heap.pop() ?? 0;
  const { length } = heap;
  if (length === 0) return least;
  let at = 0;
  for (let below = 1; below < length; below = 2 * at + 1) {
    if (below + 1 < length && (heap[below + 1] ?? 0) < (heap[below] ?? 0)) below++;
    if ((heap[below] ?? 0) >= last) break;
    heap[at] = heap[below] ?? 0;
    at = below;
  }
  heap[at] = last;
  return least;
}
