/** A filter as an entry says it: short ones word by word, long ones by their hash. */
import { canonicalize } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LogFilter } from '../../core/query/filter.ts';

/** `{}` asks for everything. */
export function boundedFilter(filter: LogFilter): Record<string, unknown> {
  const said = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  const text = canonicalize(said);
  if (Buffer.byteLength(text) <= LIMITS.recordedFilterBytes) return said;
  return { sha256: sha256Hex(text), bytes: Buffer.byteLength(text) };
}
