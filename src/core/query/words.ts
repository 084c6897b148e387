/**
 * The words of a call that a search for text looks at. One definition for every driver: a word is a run of letters,
 * marks and digits, without case, so `stripe` finds `api.stripe.com`.
 */
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from './call.ts';
import { field, isObject, textAt } from './fields.ts';

const WORD = /[\p{L}\p{M}\p{N}]+/gu;

/** In their order, each as often as it stands there. */
export function wordsIn(text: string): readonly string[] {
  const words = text.normalize('NFC').toLowerCase().match(WORD) ?? [];
  return words.map((word) => (word.length > LIMITS.wordChars ? word.slice(0, LIMITS.wordChars) : word));
}

/** Where people and programs write prose, or names that people search for. */
const PLACES: readonly (readonly string[])[] = [
  ['type'],
  ['reason'],
  ['action', 'name'],
  ['action', 'target', 'host'],
  ['action', 'target', 'path'],
  ['action', 'tool', 'name'],
  ['action', 'tool', 'server'],
  ['actor', 'agent_id'],
  ['decision', 'message'],
  ['decision', 'reason'],
  ['outcome', 'error'],
  ['outcome', 'error_kind'],
  ['secret', 'key'],
  ['secret', 'command'],
];
/** Those that differ from entry to entry; the others name things, and come again and again. */
const PROSE: ReadonlySet<string> = new Set([
  'reason',
  'action.target.path',
  'decision.message',
  'outcome.error',
]);
const NAMES: ReadonlySet<readonly string[]> = new Set(PLACES.filter((place) => !PROSE.has(place.join('.'))));
/** Objects whose texts are all looked at. */
const OBJECTS: readonly string[] = ['metadata', 'risk'];

/** Distinct words of one entry, at most `LIMITS.wordsPerEntry`, in the order of the places above. */
export function entryWords(entry: JsonObject): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (text: string | undefined): void => {
    if (text === undefined) return;
    for (const word of wordsIn(text)) {
      if (found.size >= LIMITS.wordsPerEntry) return;
      found.add(word);
    }
  };
  for (const place of PLACES) add(textAt(entry, ...place));
  for (const name of OBJECTS) for (const text of textsIn(field(entry, name))) add(text);
  return found;
}

function* textsIn(value: Json | undefined): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const each of value) yield* textsIn(each);
  else if (isObject(value)) for (const each of Object.values(value)) yield* textsIn(each);
}

/** Texts that are remembered with their words, and the longest of them: names of things, not prose. */
const REMEMBERED = 16_384;
const REMEMBERED_CHARS = 64;

/**
 * `entryWords` for many entries one after the other: a word may come more than once, and names that return again and
 * again are cut into words once.
 */
export function createWordReader(): (entry: JsonObject) => readonly string[] {
  const known = new Map<string, readonly string[]>();

  function wordsOf(text: string): readonly string[] {
    const words = known.get(text);
    if (words !== undefined) return words;
    const cut = wordsIn(text);
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, cut);
    return cut;
  }

  return (entry) => {
    const found: string[] = [];
    for (const place of PLACES) {
      const text = textAt(entry, ...place);
      if (text === undefined) continue;
      found.push(...(NAMES.has(place) && text.length <= REMEMBERED_CHARS ? wordsOf(text) : wordsIn(text)));
      if (found.length > LIMITS.wordsPerEntry) return [...entryWords(entry)];
    }
    for (const name of OBJECTS)
      for (const text of textsIn(field(entry, name))) {
        found.push(...wordsIn(text));
        if (found.length > LIMITS.wordsPerEntry) return [...entryWords(entry)];
      }
    return found;
  };
}

/** Whether every word of `text` is a word of the call, in either of its entries. A text without words is in all. */
export function hasWords({ first, last }: Call, text: string): boolean {
  const own = entryWords(first);
  const ended = last === undefined ? undefined : entryWords(last);
  return wordsIn(text).every((word) => own.has(word) || ended?.has(word) === true);
}
