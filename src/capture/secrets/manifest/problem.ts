/** What is wrong with a manifest: file, line, column, and how to mend it. Never quotes a value of the file. */
import { TallyError } from '../../../core/error.ts';
import { didYouMean } from '../../../core/policy/suggest.ts';
import { locate, type Place } from './locate.ts';

export interface Source {
  /** As the person may open it. */
  readonly path: string;
  readonly text: string;
}

export function manifestError(path: string, at: Place, message: string, hint: string): TallyError {
  return new TallyError('MANIFEST_INVALID', `${path}:${at.line}:${at.column}: ${message}`, {
    hint,
    details: { kind: 'manifest_invalid', file: path, line: at.line, column: at.column },
  });
}

export type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Reads members of tables; whatever is not as it should be throws with its place. */
export interface Reader {
  fail(at: readonly string[], message: string, hint: string): never;
  table(value: unknown, at: readonly string[]): Table;
  /** Refuses members that are not in `known`. */
  only(table: Table, at: readonly string[], known: readonly string[]): void;
  text(table: Table, at: readonly string[], name: string): string | undefined;
  flag(table: Table, at: readonly string[], name: string): boolean | undefined;
  count(table: Table, at: readonly string[], name: string, most: number): number | undefined;
  texts(table: Table, at: readonly string[], name: string): readonly string[] | undefined;
  oneOf<T extends string>(
    table: Table,
    at: readonly string[],
    name: string,
    words: readonly T[],
  ): T | undefined;
}

export function createReader({ path, text }: Source): Reader {
  const fail = (at: readonly string[], message: string, hint: string): never => {
    throw manifestError(path, locate(text, at), message, hint);
  };
  const readText: Reader['text'] = (table, at, name) => {
    const value = table[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return fail([...at, name], `${name} is a text`, `write ${name} = "…"`);
    return value;
  };
  return {
    fail,
    table(value, at) {
      if (isTable(value)) return value;
      return fail(at, `${at.at(-1) ?? 'it'} is a table`, `write [${at.join('.')}] or { … }`);
    },
    only(table, at, known) {
      for (const name of Object.keys(table)) {
        if (known.includes(name)) continue;
        const guess = didYouMean(name, known);
        const what = at.length === 0 ? 'at the top' : `in ${at.join('.')}`;
        fail(
          [...at, name],
          `"${name}" is not known ${what}`,
          guess === undefined ? `it can hold ${known.join(', ')}` : `did you mean ${guess}?`,
        );
      }
    },
    text: readText,
    flag(table, at, name) {
      const value = table[name];
      if (value === undefined || typeof value === 'boolean') return value;
      return fail([...at, name], `${name} is true or false`, `write ${name} = true`);
    },
    count(table, at, name, most) {
      const value = table[name];
      if (value === undefined) return undefined;
      if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= most) return value;
      return fail(
        [...at, name],
        `${name} is a number from 1 to ${most}`,
        `write ${name} = ${Math.min(32, most)}`,
      );
    },
    texts(table, at, name) {
      const value = table[name];
      if (value === undefined) return undefined;
      if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string'))
        return value;
      return fail([...at, name], `${name} is a list of texts`, `write ${name} = ["…"]`);
    },
    oneOf(table, at, name, words) {
      const value = readText(table, at, name);
      if (value === undefined) return undefined;
      const found = words.find((word) => word === value);
      return found ?? fail([...at, name], `${name} is one of ${words.join(', ')}`, `choose one of them`);
    },
  };
}
