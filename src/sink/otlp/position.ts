/**
 * How far a collector has the entries of a log: durable before the next request, so that a restart sends again what was
 * under way and nothing before it. Without it the setting says where to begin.
 */
import { z } from 'zod';
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts';
import type { ObjectStore } from '../../core/ports.ts';

const at = z.int().nonnegative();
const PlaceSchema = z.strictObject({ first: at, offset: at, index: at });
const PositionSchema = z.strictObject({
  format: z.literal(1),
  /** Before the next entry: byte `offset` of the segment that begins with entry `first`. */
  place: PlaceSchema,
  /** In front of the last entry that was looked at, and the hash of its line: another log is not gone on with. */
  last: z.strictObject({ place: PlaceSchema, sha256: z.string() }).exactOptional(),
  /** Records that the collector said it did not take. */
  rejected: at,
  rejection: z.string().exactOptional(),
});

export type Place = z.infer<typeof PlaceSchema>;
export type Position = z.infer<typeof PositionSchema>;

const NAME = 'position.json';

/** undefined when there is none yet. */
export async function loadPosition(
  objects: Pick<ObjectStore, 'get'>,
): Promise<Position | 'unreadable' | undefined> {
  const bytes = await objects.get(NAME);
  if (bytes === undefined) return undefined;
  try {
    return PositionSchema.safeParse(JSON.parse(decodeUtf8(bytes) ?? '')).data ?? 'unreadable';
  } catch {
    // Not JSON: torn by something else than us, since it is replaced as a whole.
    return 'unreadable';
  }
}

/** Resolved: durable. */
export async function savePosition(objects: Pick<ObjectStore, 'put'>, position: Position): Promise<void> {
  await objects.put(NAME, encodeUtf8(`${JSON.stringify(position)}\n`));
}
