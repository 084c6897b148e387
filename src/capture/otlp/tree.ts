/**
 * The spans of one request as trees: each stands before what is inside of it, siblings in the order of their claimed
 * starts. Without recursion, and whatever parents they claim: what is in a circle is a root.
 */
import type { Item, Span } from './model.ts';

export interface Node {
  readonly at: number;
  readonly item: Item<Span>;
  /** In the same request. */
  readonly parent: Node | undefined;
}

/** `enter` before its children, `leave` after them. */
export type Step = { readonly node: Node; readonly enter: boolean };

const keyOf = (traceId: string, spanId: string): string => `${traceId}${spanId}`;

export function* walkSpans(items: readonly Item<Span>[]): Generator<Step> {
  const first = new Map<string, number>();
  for (const [at, { record }] of items.entries()) {
    const key = keyOf(record.traceId, record.spanId);
    if (!first.has(key)) first.set(key, at);
  }
  const children = new Map<number, number[]>();
  const roots: number[] = [];
  for (const [at, { record }] of items.entries()) {
    const parent =
      record.parentSpanId === '' ? undefined : first.get(keyOf(record.traceId, record.parentSpanId));
    if (parent === undefined || parent === at) roots.push(at);
    else {
      const siblings = children.get(parent) ?? [];
      siblings.push(at);
      children.set(parent, siblings);
    }
  }
  const byStart = (a: number, b: number): number => {
    const [one, two] = [items[a]?.record.start ?? 0n, items[b]?.record.start ?? 0n];
    return one < two ? -1 : one > two ? 1 : a - b;
  };
  const seen = new Set<number>();

  function* from(root: number): Generator<Step> {
    const stack: Step[] = [];
    const push = (at: number, parent: Node | undefined): void => {
      const item = items[at];
      if (item === undefined || seen.has(at)) return;
      seen.add(at);
      stack.push({ node: { at, item, parent }, enter: true });
    };
    push(root, undefined);
    for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
      yield step;
      if (!step.enter) continue;
      stack.push({ node: step.node, enter: false });
      const inside = children.get(step.node.at) ?? [];
      for (const at of inside.sort(byStart).toReversed()) push(at, step.node);
    }
  }

  for (const root of roots.sort(byStart)) yield* from(root);
  // Those whose parents lead back to themselves.
  for (const at of items.keys()) if (!seen.has(at)) yield* from(at);
}
