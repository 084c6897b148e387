/** A log that can be asked: its index, brought up to what the log holds now, and its entries. */
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { parseLine } from '../core/query/line.ts';
import { createLineSplitter } from '../core/query/lines.ts';
import type { Query } from '../core/query/port.ts';
import { memoryIndex } from '../index/memory.ts';
import type { Paths } from '../paths.ts';
import { type OpenedReader, openReader } from '../reader.ts';

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

export interface QueryOptions {
  /** A log directory anywhere; the current log of this machine otherwise. */
  readonly log?: string;
  /** Entries that the index reflects, while it catches up. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  readonly onWarning: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Reflects at least every entry that was durable when it was called. */
export async function openQuery(paths: Paths, options: QueryOptions): Promise<OpenedQuery> {
  const opened = openReader(paths, options.log === undefined ? {} : { log: options.log });
  const index = memoryIndex();
  const lines: Buffer[] = [];
  const splitter = createLineSplitter(LIMITS.entryBytes * 2, (line) => {
    lines.push(Buffer.from(line));
    const parsed = parseLine(line);
    index.add('entry' in parsed ? parsed.entry : undefined);
  });
  for (const { first } of await opened.reader.segments())
    for await (const block of opened.reader.read(first)) splitter.push(block);
  return {
    query: index.query,
    opened,
    async *entries(indices) {
      for await (const at of indices) {
        const line = lines[at];
        if (line === undefined) continue;
        const parsed = parseLine(line);
        yield { index: at, line, entry: 'entry' in parsed ? parsed.entry : undefined };
      }
    },
    close: () => index.query.close(),
  };
}
