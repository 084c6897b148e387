/**
 * The decisions of a log, oldest first, at constant memory: raw lines, each held against the hash that the entry after
 * it names. So an entry that was altered where it lies is told whatever was altered in it.
 */

import { encodeBase64 } from '../../core/bytes.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SegmentDamage } from '../../core/ports.ts';
import { numberAt, textAt } from '../../core/query/fields.ts';
import { parseLine } from '../../core/query/line.ts';
import { createLineSplitter } from '../../core/query/lines.ts';
import { PREV_CHARS, scanFields } from '../../core/tlog/fields.ts';
import { leafHash } from '../../core/tlog/tree.ts';
import type { OpenedReader } from '../../reader.ts';
import { fileSlices } from '../../store/file/slices.ts';

export interface Found {
  readonly index: number;
  /** Absent: an entry without a decision, which is not the one that the log's chain names. */
  readonly entry?: JsonObject;
  /** `unknown`: the log ends here, or what follows cannot be read. */
  readonly chain: 'fits' | 'broken' | 'unknown';
}

export interface WalkOptions {
  readonly run?: string;
  /** RFC 3339, as entries have it. */
  readonly since?: string;
  readonly until?: string;
  readonly signal?: AbortSignal;
  /** Bytes of the log that were read, and how many there are. */
  readonly onProgress?: (bytes: number, total: number) => void;
}

export interface Walk {
  /** Those that were found in one block of the log at a time. */
  found(): AsyncGenerator<readonly Found[]>;
  /** Entries, or parts of segments, that could not be read. */
  readonly damaged: readonly SegmentDamage[];
  /** Lines that are no entries. */
  readonly malformed: () => number;
}

const DECISION = Buffer.from('"decision":{');

export function walkDecisions(opened: OpenedReader, options: WalkOptions): Walk {
  const { reader } = opened;
  const damaged: SegmentDamage[] = [];
  const run = options.run === undefined ? undefined : Buffer.from(JSON.stringify(options.run));
  let malformed = 0;
  let out: Found[] = [];
  /** The line before, whose hash the next one has to name. */
  let waiting: (Pick<Found, 'index' | 'entry'> & { readonly leaf: string }) | undefined;

  function settle(chain: Found['chain']): void {
    if (waiting !== undefined && (waiting.entry !== undefined || chain === 'broken')) {
      const { index, entry } = waiting;
      out.push(entry === undefined ? { index, chain } : { index, entry, chain });
    }
    waiting = undefined;
  }

  function prevOf(line: Buffer): string | undefined {
    const fields = scanFields(line, 0, line.length);
    return fields && line.toString('latin1', fields.prevStart, fields.prevStart + PREV_CHARS);
  }

  function see(line: Buffer, position: number): void {
    if (waiting !== undefined) settle(prevOf(line) === waiting.leaf ? 'fits' : 'broken');
    if (run !== undefined && !line.includes(run)) return;
    const entry = line.includes(DECISION) ? inScope(line) : undefined;
    const index = entry === undefined ? position : (numberAt(entry, 'index') ?? position);
    const leaf = encodeBase64(leafHash(line));
    waiting = entry === undefined ? { index, leaf } : { index, entry, leaf };
  }

  function inScope(line: Buffer): JsonObject | undefined {
    const parsed = parseLine(line);
    if ('malformed' in parsed) {
      malformed++;
      return undefined;
    }
    const { entry } = parsed;
    if (options.run !== undefined && textAt(entry, 'run_id') !== options.run) return undefined;
    const ts = textAt(entry, 'ts') ?? '';
    if (options.since !== undefined && ts < options.since) return undefined;
    return options.until !== undefined && ts >= options.until ? undefined : entry;
  }

  async function* found(): AsyncGenerator<readonly Found[]> {
    const segments = await reader.segments();
    const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    const from = options.since === undefined ? 0 : await fileSlices(opened.directory).since(options.since);
    let read = 0;
    for (const [at, segment] of segments.entries()) {
      const next = segments[at + 1]?.first;
      if (next === undefined || next > from) {
        const near = await reader.seek(segment.first, Math.max(segment.first, from));
        let position = near.index;
        const onDamage = (damage: SegmentDamage): void => {
          damaged.push(damage);
          // What came after it is not what follows it here.
          settle('unknown');
        };
        const split = createLineSplitter(LIMITS.entryBytes, (line) => see(line, position++));
        for await (const block of reader.read(segment.first, near.offset, onDamage)) {
          options.signal?.throwIfAborted();
          split.push(block);
          options.onProgress?.(read + block.length, total);
          read += block.length;
          if (out.length > 0) {
            yield out;
            out = [];
          }
        }
      }
    }
    settle('unknown');
    if (out.length > 0) yield out;
    out = [];
  }

  return { found, damaged, malformed: () => malformed };
}
