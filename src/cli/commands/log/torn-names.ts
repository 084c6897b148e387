/** Which files of a log there are to acknowledge: those that a recovery set aside, as they lie there or as the log tells. */
import { LIMITS } from '../../../core/limits.ts';
import type { LogReader } from '../../../core/ports.ts';
import { parseLine } from '../../../core/query/line.ts';
import { createLineSplitter } from '../../../core/query/lines.ts';
import { watchRecovery } from '../../../core/query/recovery.ts';
import { directoryBlocks } from '../../log-source.ts';
import { tornFiles } from '../../verify-files.ts';

export interface TornNames {
  /** Every file that was set aside and that somebody may have to look at, also one that is gone. */
  readonly known: readonly string[];
  /** Of these, what nobody has acknowledged. */
  readonly open: readonly string[];
}

/** Reads the log once, and hashes nothing: whether a file is still what was set aside is for `tally verify` to tell. */
export async function tornNames(directory: string, reader: LogReader): Promise<TornNames> {
  const watch = watchRecovery();
  const splitter = createLineSplitter(LIMITS.entryBytes, (line) => {
    if (!line.includes('"log.recover"')) return;
    const parsed = parseLine(line);
    if ('entry' in parsed) watch.see(parsed.entry);
  });
  // Damage is for `tally verify` to tell.
  const { blocks } = directoryBlocks(reader, () => undefined);
  for await (const block of blocks()) splitter.push(block);
  const files = await tornFiles(directory, () => undefined);
  const first = (await reader.segments())[0]?.first ?? 0;
  // What was set aside from pruned segments went, or may go, with them.
  const { unacknowledged, missing } = watch.judge(files, (name) => Number.parseInt(name, 10) < first);
  return { known: [...new Set([...files.keys(), ...missing])].sort(), open: unacknowledged };
}
