/** Entries of a log as requests of OTLP: what the thread does, apart from being one. */
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LogName } from '../../core/otlp/log-record.ts';
import { requestBuilder, wasForwarded } from '../../core/otlp/request.ts';
import type { LogReader } from '../../core/ports.ts';
import { parseLine } from '../../core/query/line.ts';
import type { Batch } from '../../sink/otlp/forward.ts';
import type { Place } from '../../sink/otlp/position.ts';
import { logLines } from '../alerts/lines.ts';

/**
 * Entries from `place` on, as many as one request may have. Lines that are none, and what another recorder sent on to
 * this one, are passed over: verification tells of the former, that recorder sends the latter.
 */
export async function nextBatch(reader: LogReader, log: LogName, place: Place, upTo: number): Promise<Batch> {
  const builder = requestBuilder(log);
  let before = place;
  let after: Place | undefined;
  let last: Batch['last'];
  let looked = 0;
  reading: for await (const portion of logLines(reader, place, upTo)) {
    for (const { line, after: behind } of portion) {
      const parsed = parseLine(line);
      if ('entry' in parsed && !wasForwarded(parsed.entry))
        if (!builder.add(parsed.entry, Buffer.from(line).toString('utf8'))) break reading;
      last = { place: before, sha256: sha256Hex(line) };
      after = behind;
      before = behind;
      // What is passed over takes its time too, and the position moves with it.
      if (++looked >= LOOKED) break reading;
    }
  }
  const count = builder.count();
  return {
    body: count === 0 ? new Uint8Array() : new TextEncoder().encode(builder.body()),
    count,
    ...(after === undefined ? {} : { after }),
    ...(last === undefined ? {} : { last }),
  };
}

const LOOKED = 16 * LIMITS.otlpSendEntries;

/** The place before the entry at `index`, or the end of what is there. */
export async function placeAt(reader: LogReader, index: number): Promise<Place> {
  const segments = await reader.segments();
  const first = segments.findLast((segment) => segment.first <= index)?.first;
  if (first === undefined) return { first: 0, offset: 0, index: 0 };
  let place: Place = { first, ...(await reader.seek(first, index)) };
  for await (const portion of logLines(reader, place, index)) place = portion.at(-1)?.after ?? place;
  return place;
}

export async function isLine(
  reader: LogReader,
  { place, sha256 }: { readonly place: Place; readonly sha256: string },
): Promise<boolean> {
  const segments = await reader.segments();
  if (!segments.some(({ first }) => first === place.first)) return false;
  for await (const [found] of logLines(reader, place, place.index + 1))
    return found !== undefined && sha256Hex(found.line) === sha256;
  return false;
}
