/**
 * The attributes of one span or record, read once each: what means something here is taken by its names, contents go into
 * the payload, and the rest stands in the metadata as far as it is short. What does not fit there goes into the payload as
 * well, and the entry says how many they were.
 */
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Attributes } from './model.ts';
import { contentOf, URLS } from './names.ts';
import { clipped, opened, plainUrl } from './text.ts';
import { setMember } from './value.ts';

export interface Labels {
  /** The first of the names that is there as a text, and is not empty; it is then read. */
  text(names: readonly string[]): string | undefined;
  number(names: readonly string[]): number | undefined;
  value(names: readonly string[]): Json | undefined;
  /** The first of the names that is there, unread. */
  peek(names: readonly string[]): Json | undefined;
  /** What nobody read. */
  rest(): Rest;
}

export interface Rest {
  /** Absent when there is none. */
  readonly attributes?: JsonObject;
  /** Contents that went in, and all others, by their names. */
  readonly input: JsonObject;
  readonly output: JsonObject;
  /** Labels that were too many or too long, and stand in `output`. */
  readonly moved: readonly string[];
}

export function labelsOf(attributes: Attributes): Labels {
  const read = new Set<string>();

  function find<T>(names: readonly string[], fits: (value: Json) => T | undefined): T | undefined {
    for (const name of names) {
      if (!Object.hasOwn(attributes, name)) continue;
      const found = fits(attributes[name] ?? null);
      if (found === undefined) continue;
      read.add(name);
      return found;
    }
    return undefined;
  }

  return {
    text: (names) =>
      find(names, (value) => (typeof value === 'string' && value.trim() !== '' ? value : undefined)),
    number: (names) => find(names, (value) => (typeof value === 'number' && value >= 0 ? value : undefined)),
    value: (names) => find(names, (value) => value ?? undefined),
    peek(names) {
      for (const name of names) if (Object.hasOwn(attributes, name)) return attributes[name];
      return undefined;
    },
    rest: () => restOf(attributes, read),
  };
}

/** A longer name is no label either. */
const NAME_CHARS = 128;

function restOf(attributes: Attributes, read: ReadonlySet<string>): Rest {
  const kept: Record<string, Json> = {};
  const input: Record<string, Json> = {};
  const output: Record<string, Json> = {};
  const moved: string[] = [];
  let count = 0;
  let room = LIMITS.otlpAttributesBytes;
  for (const [name, given] of Object.entries(attributes)) {
    if (read.has(name)) continue;
    const side = contentOf(name);
    if (side !== undefined) {
      setMember(side === 'in' ? input : output, name, opened(given));
      continue;
    }
    const value = typeof given === 'string' && URLS.has(name) ? plainUrl(given) : given;
    const size = name.length <= NAME_CHARS ? bytesOf(name, value) : Number.POSITIVE_INFINITY;
    if (size <= LIMITS.otlpAttributeBytes && size <= room && count < LIMITS.otlpAttributes) {
      setMember(kept, name, value);
      room -= size;
      count++;
    } else {
      setMember(output, name, value);
      moved.push(name);
    }
  }
  return { ...(count === 0 ? {} : { attributes: kept }), input, output, moved };
}

function bytesOf(name: string, value: Json): number {
  // Without serialising what is surely too long.
  if (typeof value === 'string' && value.length > LIMITS.otlpAttributeBytes) return value.length;
  return Buffer.byteLength(JSON.stringify(name)) + Buffer.byteLength(JSON.stringify(value)) + 2;
}

/** For an entry: how many, and the names of the first. */
export function movedOf(moved: readonly string[]): JsonObject {
  return {
    count: moved.length,
    names: moved.slice(0, LIMITS.otlpNamed).map((name) => clipped(name, LIMITS.otlpNameBytes)),
  };
}
