/** `retention` in the machine's configuration, and the names that other programs have for parts of it. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';

const days = z.int().min(1).max(LIMITS.retentionDays);
const UNITS: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const SIZE = /^(\d{1,15}) ?(kB|MB|GB|TB)?$/;
const CLASS = /^(?:\*|[a-z][a-z0-9_]{0,63})$/;

const bytes = z
  .union([z.int().positive(), z.string().regex(SIZE, 'a number of bytes, such as 500MB or 20GB')])
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [, digits = '', unit = ''] = SIZE.exec(value) ?? [];
    return Number(digits) * (UNITS[unit] ?? 1);
  });

export const RetentionSettingSchema = z.strictObject({
  entries: z
    .strictObject({ days: days.optional(), bytes: bytes.optional(), at_least_days: days.optional() })
    .refine(
      ({ days: most, at_least_days: least }) => most === undefined || least === undefined || least <= most,
      {
        message: 'at_least_days is more than days: nothing would ever be due',
        path: ['at_least_days'],
      },
    )
    .optional(),
  /** Class of payloads, or `*` for all others → days. */
  payloads: z.record(z.string().regex(CLASS, 'a class of payloads, or "*"'), days).optional(),
  /** Only what every configured anchor has seen is pruned. */
  anchored: z.boolean().optional(),
});
export type RetentionSetting = z.infer<typeof RetentionSettingSchema>;

/** Keys of agentpatterns' and secretspec's audit configuration. What this program does in any case may be asked for, and not be refused. */
export const AuditAliasSchema = z.strictObject({
  sink: z.enum(['file', 'local']).optional(),
  retention_days: days.optional(),
  redact_fields: z.array(z.string().min(1).max(LIMITS.idChars)).max(LIMITS.redactedFields).optional(),
  hash_args: z.literal(true, 'arguments are always hashed, under a key: leave it out or set true').optional(),
  sign_events: z.literal(true, 'a signed checkpoint covers every entry: leave it out or set true').optional(),
  /** secretspec's: whether accesses to secrets are recorded. */
  enabled: z.boolean().optional(),
  /** secretspec's: the directory that holds the log. */
  path: z
    .string()
    .max(LIMITS.configPathChars)
    .regex(/^(?:\/|~\/)/, 'a directory, from "/" or "~/"')
    .optional(),
});

/** What is kept of entries; undefined when nothing is ever due. */
export function isSet({ entries, payloads }: RetentionSetting): boolean {
  return (
    entries?.days !== undefined || entries?.bytes !== undefined || Object.keys(payloads ?? {}).length > 0
  );
}
