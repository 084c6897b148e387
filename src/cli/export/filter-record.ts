/** A filter as an entry says it: short ones word by word, long ones by their hash. */
import { writeValue } from '../../core/canonical/write.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LogFilter } from '../../core/query/filter.ts';

/** `{}` asks for everything. */
export function boundedFilter(filter: LogFilter): Record<string, unknown> {
  const said = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  // Not `canonicalize`: it loads the schema of entries, which a command that only reads can do without.
  const text = writeValue(said, '$', undefined, { nodes: LIMITS.jsonNodes });
  if (Buffer.byteLength(text) <= LIMITS.recordedFilterBytes) return said;
  return { sha256: sha256Hex(text), bytes: Buffer.byteLength(text) };
}
