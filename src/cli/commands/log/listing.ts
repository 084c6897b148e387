/** What `tally log list` lists, wherever it comes from: the index, or the files themselves. */
import { isTallyError } from '../../../core/error.ts';
import { numberAt } from '../../../core/query/fields.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import type { Query } from '../../../core/query/port.ts';
import type { Hit, Malformed } from '../../../core/query/scan.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { openAsked } from '../../ask.ts';
import { askPage, type PageEnd } from '../../asking.ts';
import type { Context } from '../../context.ts';
import { withRunMeant } from '../../meant.ts';
import { readLog } from '../../reading.ts';
import { malformedIn } from './damage.ts';

export interface ListingOptions {
  readonly filter: LogFilter;
  readonly limit: number;
  readonly before: number | undefined;
  /** One row an entry, read from the files. */
  readonly raw: boolean;
  readonly log: string | undefined;
  /** Readings of the log are rows, too: a person who looks around would soon see nothing else. */
  readonly reads: boolean;
}

export interface ListingEnd {
  /** Rows that match in the whole log; undefined when nobody counted them. */
  readonly total: number | undefined;
  /** What `--before` has to be for the next page; undefined when there is none. */
  readonly next: number | undefined;
  /** Entries from the newest one asked for down to the last row. */
  readonly scanned: number;
  /** Older entries than that: among them the rest is found. */
  readonly older: number;
  readonly malformed: { readonly count: number; readonly lines: readonly Malformed[] };
  readonly unfit: PageEnd['unfit'];
  /** Readings of the log that match and are no rows here. */
  readonly leftOut: number;
}

export interface Listing {
  hits(): AsyncGenerator<Hit>;
  /** After the last row. */
  finish(): Promise<ListingEnd>;
  /** To explain an empty answer; undefined when there is no index. */
  readonly query: Query | undefined;
  close(): Promise<void>;
}

export async function openListing(context: Context, options: ListingOptions): Promise<Listing> {
  if (options.raw) return fromFiles(context, options);
  let opened: OpenedQuery;
  try {
    opened = await openAsked(context, options.log);
  } catch (error) {
    if (!isTallyError(error) || error.code === 'LOG_MISSING' || error.code === 'USAGE') throw error;
    context.warn(`the index cannot be used, so the files are read and nothing is counted: ${error.message}`);
    return fromFiles(context, options);
  }
  try {
    return fromIndex(opened, { ...options, filter: await withRunMeant(opened.query, options.filter) });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function fromIndex(opened: OpenedQuery, { filter, limit, before, reads }: ListingOptions): Listing {
  const { query } = opened;
  const page = askPage(opened, {
    filter,
    limit,
    ...(before === undefined ? {} : { before }),
    ...(reads || filter.types !== undefined ? {} : { without: 'log.read' }),
  });
  return {
    query,
    hits: page.rows,
    async finish() {
      const { total, next, unfit, leftOut } = await page.finish();
      const older = next ?? 0;
      const scanned = Math.max(0, Math.min(before ?? query.size, query.size) - older);
      return { total, next, scanned, older, malformed: await malformedIn(opened), unfit, leftOut };
    },
    close: () => opened.close(),
  };
}

async function fromFiles(context: Context, options: ListingOptions): Promise<Listing> {
  const { filter, raw, before } = options;
  const opened = await context.openReader(options.log === undefined ? {} : { log: options.log });
  // Rows of newer pages are met first, and count for nothing.
  const limit = before === undefined ? options.limit : Number.POSITIVE_INFINITY;
  const reading = await readLog(opened.directory, { filter, raw, limit });
  if (reading.end === undefined) await opened.logInfo();
  let taken = 0;
  let last: number | undefined;
  let cut = false;

  return {
    query: undefined,
    async *hits() {
      for await (const hit of reading.hits()) {
        const index = numberAt(hit.call.first, 'index');
        if (before !== undefined && (index === undefined || index >= before)) continue;
        cut = taken === options.limit;
        if (cut) return;
        taken++;
        last = index;
        yield hit;
      }
    },
    async finish() {
      const { scanned, complete, older, malformed } = reading.summary();
      const over = complete && !cut;
      const next = over ? undefined : last;
      return { total: undefined, next, scanned, older: over ? 0 : older, malformed, unfit: NONE, leftOut: 0 };
    },
    close: async () => undefined,
  };
}

const NONE = { count: 0, some: [] } as const;
