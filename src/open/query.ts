/** A log that can be asked: its index, brought up to what the log holds now, and its entries. */
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { parseLine } from '../core/query/line.ts';
import type { Query } from '../core/query/port.ts';
import type { Paths } from '../paths.ts';
import { type OpenedReader, openReader } from '../reader.ts';
import { indexedElsewhere, type LinePlace, openEntryFiles } from './entry-files.ts';
import { type IndexOptions, openIndex } from './index-of.ts';

export interface Stored {
  readonly index: number;
  /** The stored bytes, without the newline. */
  readonly line: Buffer;
  /** undefined when the line is no entry. */
  readonly entry: JsonObject | undefined;
}

export interface OpenedQuery {
  readonly query: Query;
  readonly opened: OpenedReader;
  /** The entries at `indices`, in that order; what is not there is left out. Cheap for any index, flat in memory. */
  entries(indices: Iterable<number> | AsyncIterable<number>): AsyncIterable<Stored>;
  close(): Promise<void>;
}

export type QueryOptions = IndexOptions;

/** Reflects at least every entry that was durable when it was called. */
export async function openQuery(paths: Paths, options: QueryOptions): Promise<OpenedQuery> {
  const opened = openReader(paths, options.log === undefined ? {} : { log: options.log });
  const query = await openIndex(paths, opened.directory, options);
  const files = openEntryFiles(opened.directory);

  async function stored(index: number, place: LinePlace): Promise<Stored> {
    const line = await files.line(place);
    if (line === undefined) throw indexedElsewhere(index);
    const parsed = parseLine(line);
    return { index, line, entry: 'entry' in parsed ? parsed.entry : undefined };
  }

  return {
    query,
    opened,
    async *entries(indices) {
      const ahead: Promise<Stored>[] = [];
      try {
        for await (const index of indices) {
          const place = await query.place(index);
          if (place === undefined) continue;
          const reading = stored(index, place);
          // Whoever stops early leaves some unread.
          reading.catch(() => undefined);
          ahead.push(reading);
          const first = ahead.length < LIMITS.entriesAhead ? undefined : ahead.shift();
          if (first !== undefined) yield await first;
        }
        for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
      } finally {
        await Promise.allSettled(ahead);
      }
    },
    async close() {
      await files.close();
      await query.close();
    },
  };
}
