/**
 * What still has to be delivered, beside the log: the messages themselves are entries, this names them. Whatever is
 * durable here and in the log is delivered, also after a kill: at least once, under the same id.
 */
import { z } from 'zod';
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts';
import { LIMITS } from '../core/limits.ts';
import type { ObjectStore } from '../core/ports.ts';

/** What a date can be made of. */
const time = z.number().min(0).max(8.64e15);

const ItemSchema = z.strictObject({
  /** Of the entry, which is the message. */
  id: z.string(),
  index: z.int().nonnegative(),
  destination: z.string(),
  attempts: z.int().nonnegative(),
  /** Milliseconds since the epoch: of the first try, and before which it is not tried again. */
  since: time,
  next: time,
  /** What the newest try came to. */
  error: z.string().exactOptional(),
});
export type Item = z.infer<typeof ItemSchema>;

const OutboxSchema = z.strictObject({
  format: z.literal(1),
  /** Entries below this index were looked at: those that are messages are here, or were delivered. */
  reached: z.int().nonnegative(),
  waiting: z.array(ItemSchema),
  /** Given up; tried again when a person asks. */
  dead: z.array(ItemSchema),
});
export type OutboxState = z.infer<typeof OutboxSchema>;

const NAME = 'outbox.json';

/** undefined when there is none, or none that can be read: then nobody knows what was delivered. */
export async function loadOutbox(objects: Pick<ObjectStore, 'get'>): Promise<OutboxState | undefined> {
  const bytes = await objects.get(NAME);
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    return OutboxSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON: torn by something else than us, since it is replaced as a whole.
    return undefined;
  }
}

/** Resolved: durable. */
export async function saveOutbox(objects: Pick<ObjectStore, 'put'>, state: OutboxState): Promise<void> {
  await objects.put(NAME, encodeUtf8(`${JSON.stringify(state)}\n`));
}

/** How long to wait after that many tries: doubled each time, and somewhere in its upper half, so that not all come at once. */
export function backoffMs(attempts: number, random: number, asked: number | undefined): number {
  const full = Math.min(LIMITS.deliveryRetryMs * 2 ** Math.min(attempts - 1, 30), LIMITS.deliveryRetryMostMs);
  const wait = full / 2 + (full / 2) * random;
  return Math.round(Math.max(wait, asked ?? 0));
}
