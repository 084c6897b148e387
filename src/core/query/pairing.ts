/** Rows of entries that come in the order of the log: an end is told together with what began it. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { mayEnd } from './assurance.ts';
import { type Call, type Facts, factsOf } from './call.ts';
import { numberAt, textAt } from './fields.ts';
import { type LogFilter, matches } from './filter.ts';
import { entryWords, wordsIn } from './words.ts';

export interface Paired {
  /** Of this entry. A post_exec also has its call's agent, target and decision, for the filters. */
  readonly facts: Facts;
  /** Whether all words of `text` are in it, or in what began it. */
  readonly has: (text: string) => boolean;
}

export interface Pairing {
  /** Of every entry in the order of the log. */
  pair(entry: JsonObject): Paired;
}

/** Whether this entry, by itself or as the end of its call, is wanted. */
export function wants({ facts, has }: Paired, filter: LogFilter): boolean {
  return matches(facts, filter) && (filter.text === undefined || has(filter.text));
}

/** One entry is put to many filters: its words are taken apart once, and only when one of them asks. */
function searchable({ first, last }: Call): Paired['has'] {
  let words: ReadonlySet<string> | undefined;
  return (text) => {
    words ??= new Set([...entryWords(first), ...(last === undefined ? [] : entryWords(last))]);
    return wordsIn(text).every((word) => words?.has(word) === true);
  };
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
        return { facts: factsOf({ first: entry }), has: searchable({ first: entry }) };
      begun.delete(parent);
      const call = { first, last: entry };
      const own = {
        index: numberAt(entry, 'index'),
        id: textAt(entry, 'id'),
        ts: textAt(entry, 'ts'),
        phase,
      };
      return { facts: { ...factsOf(call), ...own }, has: searchable(call) };
    },
  };
}
