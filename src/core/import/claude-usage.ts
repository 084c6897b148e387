/**
 * Tokens of a message that is written in several lines, a block each: every line repeats the usage of the message so
 * far. Each entry gets what its line adds, so that the sum over all entries is what the message cost.
 */
import type { Outcome } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { isObject } from '../query/fields.ts';

const COUNTED = [
  'input_tokens',
  'output_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
] as const;

export interface UsageCounter {
  /** What this line adds; undefined when that is nothing. `message`: its id; without one every line counts. */
  added(message: string | undefined, usage: Json | undefined): Outcome['usage'];
}

export function createUsageCounter(): UsageCounter {
  const counted = new Map<string, JsonObject>();
  return {
    added(message, usage) {
      if (!isObject(usage)) return undefined;
      const before = (message === undefined ? undefined : counted.get(message)) ?? {};
      const now = Object.fromEntries(
        COUNTED.map((name) => [name, Math.max(tokens(usage[name]), tokens(before[name]))]),
      );
      const more = COUNTED.map((name) => [name, tokens(now[name]) - tokens(before[name])] as const);
      if (message !== undefined) {
        counted.set(message, now);
        const [oldest] = counted.size > LIMITS.rememberedCalls ? counted.keys() : [];
        if (oldest !== undefined) counted.delete(oldest);
      }
      const added = more.filter(([, count]) => count > 0);
      return added.length === 0 ? undefined : Object.fromEntries(added);
    },
  };
}

function tokens(value: Json | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
