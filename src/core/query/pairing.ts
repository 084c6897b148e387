/** Rows of entries that come in the order of the log: an end is told together with what began it. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { mayEnd } from './assurance.ts';
import { type Facts, factsOf } from './call.ts';
import { numberAt, textAt } from './fields.ts';

export interface Pairing {
  /** Of this entry. A post_exec also has its call's agent, target and decision, for the filters. */
  facts(entry: JsonObject): Facts;
}

/** Remembers the newest beginnings only; the end of an older call speaks for itself. */
export function createPairing(): Pairing {
  const begun = new Map<string, JsonObject>();
  return {
    facts(entry) {
      const phase = textAt(entry, 'phase');
      if (phase === 'pre_exec') {
        begun.set(textAt(entry, 'id') ?? '', entry);
        const [oldest] = begun.size > LIMITS.rememberedCalls ? begun.keys() : [];
        if (oldest !== undefined) begun.delete(oldest);
      }
      const parent = phase === 'post_exec' ? (textAt(entry, 'parent_id') ?? '') : '';
      const first = begun.get(parent);
      if (first === undefined || !mayEnd(first, entry)) return factsOf({ first: entry });
      begun.delete(parent);
      return {
        ...factsOf({ first, last: entry }),
        index: numberAt(entry, 'index'),
        id: textAt(entry, 'id'),
        ts: textAt(entry, 'ts'),
        phase,
      };
    },
  };
}
