/**
 * A JSON value as it can be handed to the recorder: bounded. A text that is too long stands there by its length and hash,
 * so that different ones stay different; what lies beyond the bounds is left out, and `whole` is then false: rules that
 * would read the arguments, and approvals, stop such a call.
 */
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';

export interface Condensed {
  readonly value: unknown;
  readonly whole: boolean;
}

const MARK = '$left_out';

/** Costs one pass; `value` is what a parser of JSON gave. */
export function condense(given: unknown, bytes: number): Condensed {
  let room = bytes;
  let values = 0;
  let whole = true;

  function left(what: string): unknown {
    whole = false;
    room -= 32;
    return { [MARK]: what };
  }

  function text(value: string): unknown {
    const long = value.length > LIMITS.mcpTextChars || value.length * 3 > room;
    if (!long) {
      room -= Buffer.byteLength(JSON.stringify(value));
      return value.isWellFormed() ? value : left('half of a character');
    }
    room -= 128;
    if (!value.isWellFormed()) whole = false;
    return { [MARK]: 'text', chars: value.length, sha256: sha256Hex(value.toWellFormed()) };
  }

  function one(value: unknown, depth: number): unknown {
    if (++values > LIMITS.mcpValues || room <= 0) return left('the rest');
    if (typeof value === 'string') return text(value);
    room -= 24;
    if (typeof value === 'number' && !Number.isFinite(value)) return left('number');
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= LIMITS.mcpDepth) return left('deeper');
    return Array.isArray(value) ? list(value, depth) : members(value, depth);
  }

  function list(value: readonly unknown[], depth: number): unknown[] {
    const out: unknown[] = [];
    for (const item of value) {
      out.push(one(item, depth + 1));
      if (room <= 0 || values > LIMITS.mcpValues) break;
    }
    return out;
  }

  function members(value: object, depth: number): object {
    const out = {};
    for (const [name, member] of Object.entries(value)) {
      const plain = name.length > LIMITS.mcpErrorChars ? `${name.slice(0, 64)}…${sha256Hex(name)}` : name;
      // A member of that name must not pass for a mark.
      const key = (plain.startsWith(MARK) ? `$${plain}` : plain).toWellFormed();
      room -= Buffer.byteLength(JSON.stringify(key));
      const taken = one(member, depth + 1);
      // Not by assignment: a member called __proto__ is a member.
      Object.defineProperty(out, key, { value: taken, configurable: true, enumerable: true, writable: true });
      if (room <= 0 || values > LIMITS.mcpValues) break;
    }
    return out;
  }

  const value = one(given, 0);
  if (room <= 0 || values > LIMITS.mcpValues) whole = false;
  return { value, whole };
}
