/** The filter that a manifest names. */
import { z } from 'zod';
import { type LogFilter, STATUS_CLASSES } from '../query/filter.ts';

const text = z.string();
const flag = z.boolean();

/** Strict: a member that is not known here cannot be checked. */
const FilterSchema = z.strictObject({
  agent: text.optional(),
  token: text.optional(),
  identity: text.optional(),
  credential: text.optional(),
  run: text.optional(),
  step: text.optional(),
  session: text.optional(),
  tenant: text.optional(),
  user: text.optional(),
  onBehalfOf: text.optional(),
  tool: text.optional(),
  action: text.optional(),
  surface: text.optional(),
  project: text.optional(),
  environment: text.optional(),
  types: z.array(text).optional(),
  host: text.optional(),
  method: text.optional(),
  status: z.union([text, z.number()]).optional(),
  statusClass: z.enum(STATUS_CLASSES).optional(),
  decision: text.optional(),
  reasonCode: text.optional(),
  layer: text.optional(),
  phase: text.optional(),
  failed: flag.optional(),
  blocked: flag.optional(),
  redacted: flag.optional(),
  text: text.optional(),
  since: text.optional(),
  until: text.optional(),
});

type Members = { -readonly [K in keyof LogFilter]: LogFilter[K] };

/** undefined for one of a newer version, or none at all. */
export function readFilter(said: Readonly<Record<string, unknown>>): LogFilter | undefined {
  const parsed = FilterSchema.safeParse(said);
  if (!parsed.success) return undefined;
  return Object.fromEntries(
    Object.entries(parsed.data).filter(([, value]) => value !== undefined),
  ) as Members;
}
