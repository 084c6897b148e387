import { isTallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { parseNote } from '../core/tlog/note.ts';

/** What the log's checkpoint says, believed by nobody: for a count, not for a judgement. 0 when it does not parse. */
export async function signedSize({ objects }: Pick<LogReader, 'objects'>): Promise<number> {
  const note = await objects.get('checkpoint');
  if (note === undefined) return 0;
  try {
    return parseCheckpoint(parseNote(note).text).size;
  } catch (error) {
    if (isTallyError(error)) return 0;
    throw error;
  }
}
