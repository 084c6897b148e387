/** The entry under a rotation note, wherever it is: among the entries, or carried on by the prune that removed them. */
import { encodeUtf8 } from '../core/bytes.ts';
import type { LogReader } from '../core/ports.ts';
import { carriedName, parseCarried } from '../core/retention/carried.ts';
import { readLines } from './lines.ts';

/**
 * The stored line of entry `index`; undefined when neither the log nor a prune has it. What was carried on is anybody's
 * word until its leaf hash is found under a signed root: the caller looks.
 */
export async function readKeptLine(reader: LogReader, index: number): Promise<Uint8Array | undefined> {
  const first = (await reader.segments())[0]?.first ?? 0;
  if (index >= first) return (await readLines(reader, index, index + 1))[0];
  for (const name of await reader.objects.list('pruned/')) {
    const sha256 = name.slice('pruned/'.length, -'.json'.length);
    if (name !== carriedName(sha256)) continue;
    const carried = parseCarried(await reader.objects.get(name), sha256);
    const found = carried?.entries.find((one) => one.index === index);
    if (found !== undefined) return encodeUtf8(found.entry);
  }
  return undefined;
}
