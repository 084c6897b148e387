/**
 * Requests that wait for their answer, by id. Ids are the asker's: strings and numbers, and nothing keeps it from using one
 * again while it is open. Then the first to ask is the first to be answered, which is what servers do that keep an order.
 */
import type { Id } from './message.ts';

export interface OpenRequests<T> {
  add(id: Id, request: T): void;
  /** Takes out the one that is answered. */
  answered(id: Id): T | undefined;
  /** Takes out this very one. */
  remove(id: Id, request: T): void;
  /** The newest of that id: what a cancellation means. */
  newest(id: Id): T | undefined;
  readonly all: () => readonly T[];
  readonly size: () => number;
}

export function openRequests<T>(): OpenRequests<T> {
  const open = new Map<string, T[]>();
  let size = 0;
  // 1 and "1" are two ids.
  const keyOf = (id: Id): string => `${typeof id} ${id}`;

  function take(key: string, at: number): T | undefined {
    const waiting = open.get(key);
    const [taken] = at < 0 ? [] : (waiting?.splice(at, 1) ?? []);
    if (taken !== undefined) size--;
    if (waiting?.length === 0) open.delete(key);
    return taken;
  }

  return {
    add(id, request) {
      const key = keyOf(id);
      const waiting = open.get(key);
      if (waiting === undefined) open.set(key, [request]);
      else waiting.push(request);
      size++;
    },
    answered: (id) => take(keyOf(id), 0),
    remove(id, request) {
      const key = keyOf(id);
      take(key, open.get(key)?.indexOf(request) ?? -1);
    },
    newest: (id) => open.get(keyOf(id))?.at(-1),
    all: () => [...open.values()].flat(),
    size: () => size,
  };
}
