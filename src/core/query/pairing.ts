/** Rows of entries that come in the order of the log: an end is told together with what began it. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { mayEnd } from './assurance.ts';
import { type Call, type Facts, factsOf } from './call.ts';
import { numberAt, textAt } from './fields.ts';
import { type LogFilter, matches } from './filter.ts';
import { hasWords } from './words.ts';

export interface Paired {
  /** Of this entry. A post_exec also has its call's agent, target and decision, for the filters. */
  readonly facts: Facts;
  /** The entry, with what began it where that is known. */
  readonly call: Call;
}

export interface Pairing {
  /** Of every entry in the order of the log. */
  pair(entry: JsonObject): Paired;
}

/** Whether this entry, by itself or as the end of its call, is wanted. */
export function wants({ facts, call }: Paired, filter: LogFilter): boolean {
  return matches(facts, filter) && (filter.text === undefined || hasWords(call, filter.text));
}

/** Remembers the newest beginnings only; the end of an older call speaks for itself. */
export function createPairing(): Pairing {
  const begun = new Map<string, JsonObject>();
  return {
    pair(entry) {
      const phase = textAt(entry, 'phase');
      if (phase === 'pre_exec') {
        begun.set(textAt(entry, 'id') ?? '', entry);
        const [oldest] = begun.size > LIMITS.rememberedCalls ? begun.keys() : [];
        if (oldest !== undefined) begun.delete(oldest);
      }
      const parent = phase === 'post_exec' ? (textAt(entry, 'parent_id') ?? '') : '';
      const first = begun.get(parent);
      if (first === undefined || !mayEnd(first, entry))
        return { facts: factsOf({ first: entry }), call: { first: entry } };
      begun.delete(parent);
      const call = { first, last: entry };
      const own = {
        index: numberAt(entry, 'index'),
        id: textAt(entry, 'id'),
        ts: textAt(entry, 'ts'),
        phase,
      };
      return { facts: { ...factsOf(call), ...own }, call };
    },
  };
}
