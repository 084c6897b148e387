/** `log.json`: what a log says about itself. Nothing in it is evidence until a pinned key or head agrees. */
import { z } from 'zod';
import { TallyError } from './error.ts';

const LogInfoSchema = z.looseObject({
  format: z.literal(1),
  tenant: z.string(),
  origin: z.string(),
  /** Keys in the order of their validity; `from` is the log's size when each took over. */
  keys: z.array(z.looseObject({ vkey: z.string(), from: z.number().int().nonnegative() })).min(1),
  created: z.string(),
  /** Set in a log that goes on after an honest restore. */
  continues: z.looseObject({ log: z.string(), origin: z.string(), reason: z.string() }).optional(),
});
export type LogInfo = z.infer<typeof LogInfoSchema>;

export function parseLogInfo(bytes: Uint8Array): LogInfo {
  try {
    // Read once: what speeds up many checks would take longer to make than this one takes.
    return LogInfoSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')), { jitless: true });
  } catch (error) {
    throw new TallyError('LOG_DAMAGED', `log.json does not parse: ${whyNot(error)}`, {
      hint: 'restore log.json from a backup of the same log; `tally verify --key VKEY` checks the entries without it',
      cause: error,
    });
  }
}

function whyNot(error: unknown): string {
  const [first] = error instanceof z.ZodError ? error.issues : [];
  if (first !== undefined)
    return first.path.length === 0 ? first.message : `${first.path.join('.')}: ${first.message}`;
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
}

export function encodeLogInfo(info: LogInfo): Uint8Array {
  return Buffer.from(`${JSON.stringify(info, null, 2)}\n`);
}
