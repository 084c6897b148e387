/**
 * A deep copy of plain JSON, for what is kept longer than its producer promises not to touch it. Many times cheaper than
 * structuredClone. Bounded by its caller: what is handed in was serialised before, and so is no deeper than that allows.
 */
export function copyJson<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  const copied: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    // Assigned, it would become the prototype.
    if (key === '__proto__') Object.defineProperty(copied, key, { ...PLAIN, value: copy(member) });
    else copied[key] = copy(member);
  }
  return copied;
}

const PLAIN = { configurable: true, enumerable: true, writable: true };
