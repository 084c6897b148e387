/**
 * Idempotent retries: an event that carries an id it made itself, sent again because the answer was lost, gets the
 * place it already has. The memory is bounded, and rebuilt from the tail of the log on the first such event after a
 * start: most logs never see one.
 */
import { EntrySchema } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';
import type { Receipt } from './api.ts';
import { lineText, scanLines } from './lines.ts';
import type { Sequenced } from './sequencer.ts';

export interface IdMemory {
  /** Resolves when the tail of the log has been read; `find` is true to the log from then on. */
  ready(): Promise<void>;
  find(id: string): Sequenced | undefined;
  remember(sequenced: Sequenced): void;
}

const DURABLE = Promise.resolve();

export function idMemory(reader: LogReader): IdMemory {
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
    const segments = (await reader.segments()).toReversed();
    const older: Sequenced[] = [];
    for (const { first } of segments) {
      const found: Sequenced[] = [];
      await scanLines(reader, first, (line) => {
        const receipt = line.whole ? receiptOf(lineText(line)) : undefined;
        if (receipt !== undefined) found.push({ receipt, done: DURABLE });
        return true;
      });
      older.unshift(...found);
      if (older.length >= LIMITS.rememberedIds) break;
    }
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

const IdSchema = EntrySchema.pick({ id: true, index: true, ts: true });

function receiptOf(text: string): Receipt | undefined {
  try {
    const parsed = IdSchema.safeParse(JSON.parse(text));
    return parsed.success ? { id: parsed.data.id, index: parsed.data.index, ts: parsed.data.ts } : undefined;
  } catch {
    // A line that is still being written: its event has not been acknowledged, so nobody can be told about it.
    return undefined;
  }
}
