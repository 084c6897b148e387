/**
 * Idempotent retries: an event that carries an id it made itself, sent again because the answer was lost, gets the
 * place it already has. The memory is bounded, and rebuilt from the tail of the log on the first such event after a
 * start: most logs never see one.
 */
import { EntrySchema } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import { parseJson } from '../core/parse.ts';
import type { LogReader } from '../core/ports.ts';
import { lineIds, lineTime } from '../core/query/line.ts';
import type { Receipt } from './api.ts';
import { type Line, lineText, scanEntries } from './lines.ts';
import type { Sequenced } from './sequencer.ts';

export interface IdMemory {
  /** Resolves when the tail of the log has been read; `find` is true to the log from then on. */
  ready(): Promise<void>;
  find(id: string): Sequenced | undefined;
  remember(sequenced: Sequenced): void;
}

const DURABLE = Promise.resolve();

/** `size`: entries of the log when this recorder began. */
export function idMemory(reader: LogReader, size: number): IdMemory {
  const known = new Map<string, Sequenced>();
  let rebuilt: Promise<void> | undefined;

  function remember(sequenced: Sequenced): void {
    known.set(sequenced.receipt.id, sequenced);
    if (known.size <= LIMITS.rememberedIds) return;
    const oldest = known.keys().next();
    if (!oldest.done) known.delete(oldest.value);
  }

  /** The last ids on disk, older ones first, in front of those that this process gave. */
  async function rebuild(): Promise<void> {
    const since = [...known.values()];
    const older: Sequenced[] = [];
    await scanEntries(reader, Math.max(0, size - LIMITS.rememberedIds), size, (line, index) => {
      const receipt = quickReceipt(line, index) ?? receiptOf(line);
      if (receipt !== undefined) older.push({ receipt, done: DURABLE });
    });
    known.clear();
    for (const sequenced of older) remember(sequenced);
    for (const sequenced of since) remember(sequenced);
  }

  return {
    ready: () => (rebuilt ??= rebuild()),
    find: (id) => known.get(id),
    remember,
  };
}

/** Without parsing, for a line that is written as this version writes it and leaves no doubt. */
function quickReceipt({ bytes, start, end }: Line, index: number): Receipt | undefined {
  const line = bytes.subarray(start, end);
  const [id, ...more] = lineIds(line);
  const ts = lineTime(line);
  const place = Buffer.from(`"id":"${id}","index":${index},`);
  if (id === undefined || more.length > 0 || ts === undefined || !line.includes(place)) return undefined;
  return { id, index, ts };
}

const IdSchema = EntrySchema.pick({ id: true, index: true, ts: true });

function receiptOf(line: Line): Receipt | undefined {
  try {
    const parsed = IdSchema.safeParse(parseJson(lineText(line)));
    return parsed.success ? { id: parsed.data.id, index: parsed.data.index, ts: parsed.data.ts } : undefined;
  } catch {
    // No entry: nobody was ever told that it has a place.
    return undefined;
  }
}
