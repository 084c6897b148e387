/**
 * A memory with a bound. What was touched longest ago leaves first, so its order is also the order of deadlines, where
 * all of them are the same time after the touch. Every step costs the same, however much it holds: a Map alone would
 * walk over all that was deleted to find its oldest.
 */
export interface Recent<V> {
  get(key: string): V | undefined;
  /** Puts it at the young end. The oldest leaves when there are too many. */
  touch(key: string, value: V): void;
  delete(key: string): boolean;
  oldest(): readonly [key: string, value: V] | undefined;
  readonly size: number;
  /** Oldest first; made again from it. */
  entries(): [key: string, value: V][];
}

interface Node<V> {
  readonly key: string;
  value: V;
  older: Node<V> | undefined;
  younger: Node<V> | undefined;
}

export function createRecent<V>(most: number, entries: Iterable<readonly [string, V]> = []): Recent<V> {
  const nodes = new Map<string, Node<V>>();
  let oldest: Node<V> | undefined;
  let youngest: Node<V> | undefined;

  function unlink(node: Node<V>): void {
    if (node.older === undefined) oldest = node.younger;
    else node.older.younger = node.younger;
    if (node.younger === undefined) youngest = node.older;
    else node.younger.older = node.older;
  }

  function append(node: Node<V>): void {
    node.older = youngest;
    node.younger = undefined;
    if (youngest === undefined) oldest = node;
    else youngest.younger = node;
    youngest = node;
  }

  function remove(node: Node<V>): void {
    nodes.delete(node.key);
    unlink(node);
  }

  function touch(key: string, value: V): void {
    const known = nodes.get(key);
    if (known !== undefined) {
      known.value = value;
      if (known === youngest) return;
      unlink(known);
      append(known);
      return;
    }
    const node: Node<V> = { key, value, older: undefined, younger: undefined };
    nodes.set(key, node);
    append(node);
    if (nodes.size > most && oldest !== undefined) remove(oldest);
  }

  for (const [key, value] of entries) touch(key, value);
  return {
    get: (key) => nodes.get(key)?.value,
    touch,
    delete(key) {
      const node = nodes.get(key);
      if (node === undefined) return false;
      remove(node);
      return true;
    },
    oldest: () => (oldest === undefined ? undefined : [oldest.key, oldest.value]),
    get size() {
      return nodes.size;
    },
    entries() {
      const all: [string, V][] = [];
      for (let node = oldest; node !== undefined; node = node.younger) all.push([node.key, node.value]);
      return all;
    },
  };
}
