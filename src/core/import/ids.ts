/**
 * Ids of imported entries follow from what is imported: the format, the record's bytes and its line. So the same file
 * brought in again gets the ids that it has, also when it has grown, or the first attempt ended half-way.
 */
import { sha256 } from '../hash.ts';
import { encodeCrockford } from '../ulid.ts';
import { timeMs } from './values.ts';

/** Bytes after the 48 bits of time. */
const RANDOM_BYTES = 10;

export function importId(
  source: { readonly format: string; readonly sha256: string; readonly line: number },
  part: number,
  ts: string | undefined,
): string {
  const text = `tallystick import v1\n${source.format}\n${source.sha256}\n${source.line}\n${part}\n`;
  return `log_${encodeCrockford(timeMs(ts) ?? 0, sha256(text).subarray(0, RANDOM_BYTES))}`;
}
