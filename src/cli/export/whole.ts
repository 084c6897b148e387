/**
 * The stored bytes of a whole log, straight from its segments: an export without a filter asks the index for nothing but
 * its numbers. Byte for byte what the way through the rows gives.
 */
import { LIMITS } from '../../core/limits.ts';
import { createLineSplitter } from '../../core/query/lines.ts';
import type { OpenedQuery } from '../../open/query.ts';

export interface WholeLog {
  readonly rows: number;
  readonly entries: number;
  /** Each line, and whether it may cite a policy. A line is valid until the next one is taken. */
  lines(): AsyncGenerator<{ readonly line: Buffer; readonly cites: boolean }>;
}

const CITES = Buffer.from('"snapshot":');

/** undefined where lines are no entries: which of them to leave out only the index tells. */
export async function wholeLog({ query, opened }: OpenedQuery): Promise<WholeLog | undefined> {
  if ((await query.malformed()).count > 0) return undefined;
  let first = query.size;
  for await (const { index } of query.rows({}, { order: 'oldest', limit: 1 })) first = index;
  const { reader } = opened;

  return {
    rows: await query.count({}),
    entries: query.size - first,
    async *lines() {
      for (const segment of await reader.segments()) {
        let index = segment.first;
        if (index >= query.size) return;
        let lines: Buffer[] = [];
        const splitter = createLineSplitter(LIMITS.entryBytes, (line) => lines.push(line));
        for await (const block of reader.read(segment.first)) {
          splitter.push(block);
          for (const line of lines) {
            // What was written since belongs to a later export.
            if (index >= query.size) return;
            if (index >= first) yield { line, cites: line.includes(CITES) };
            index++;
          }
          lines = [];
        }
      }
    },
  };
}
