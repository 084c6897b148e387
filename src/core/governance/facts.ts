/**
 * The facts that a policy's rules may read, out of a call's arguments. Only those that the policy names are looked at,
 * each by its own path, so arguments of any size cost the same. What is not there is absent, and a rule can ask for that.
 * What is there and is no fact (a list, a long text, arguments that nobody can read without doubt) is null: whatever a
 * rule says of it fails, `has()` too, which stops the call. Were it absent, an amount in an odd form would pass for none.
 */
import { encodeUtf8 } from '../bytes.ts';
import type { Json } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { CompiledPolicy } from '../policy/compiled.ts';

export type Facts = { readonly [name: string]: Json };

/** In place of arguments: there are some, and they cannot be read, or not in one way only. */
export const UNREADABLE = Symbol('unreadable');

/** Never throws, whatever `from` is: a getter that does makes the fact null. */
export function readFacts({ facts }: CompiledPolicy, from: unknown): Facts | undefined {
  if (facts === undefined || from === undefined) return undefined;
  const found: [string, Json][] = [];
  for (const [name, path] of Object.entries(facts)) {
    const value = from === UNREADABLE ? null : at(from, path);
    if (value !== undefined) found.push([name, value]);
  }
  // `fromEntries` defines its members: a fact called "__proto__" is one.
  return Object.fromEntries(found);
}

/** Own members only: what an object inherits was in nobody's arguments. */
function at(from: unknown, path: readonly string[]): Json | undefined {
  try {
    let value = from;
    for (const step of path) {
      if (value === undefined || value === null) return undefined;
      if (typeof value !== 'object') return null;
      if (!Object.hasOwn(value, step)) return Array.isArray(value) ? null : undefined;
      value = (value as Record<string, unknown>)[step];
    }
    return value === undefined || value === null ? undefined : (factOf(value) ?? null);
  } catch {
    // A proxy or a getter of a caller in plain JavaScript.
    return null;
  }
}

/** Integers beyond 2^53 have lost digits, and comparing them would compare something else: they go as text. */
function factOf(value: unknown): Json | undefined {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value)) return undefined;
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? String(value) : value;
    case 'string':
      // Units first: a text of megabytes is not encoded to learn that it is too long.
      return value.length <= LIMITS.factTextBytes &&
        value.isWellFormed() &&
        encodeUtf8(value).length <= LIMITS.factTextBytes
        ? value
        : undefined;
    default:
      return undefined;
  }
}
