/** Compiled alert rules as they stand in a snapshot of the policy. Strict: half of a rule is another rule. */
import { z } from 'zod';
import { DEDUPE_FIELDS, FIRST_SEEN_OF, RATE_BY, SEVERITIES } from './rule.ts';

const span = z.number().positive();
const texts = z.array(z.string());
const common = {
  name: z.string(),
  severity: z.enum(SEVERITIES),
  quiet_ms: span,
  dedupe: z.array(z.enum(DEDUPE_FIELDS)).exactOptional(),
  destinations: texts.exactOptional(),
};
const counted = { ...common, count: z.int().positive(), window_ms: span };

const rule = z.discriminatedUnion('kind', [
  z.strictObject({ ...counted, kind: z.literal('rate'), by: z.enum(RATE_BY) }),
  z.strictObject({
    ...common,
    kind: z.literal('sensitive'),
    endpoints: texts,
    tools: texts,
    credentials: texts,
    methods: texts.exactOptional(),
  }),
  z.strictObject({ ...counted, kind: z.literal('policy_failures'), rising: span }),
  z.strictObject({ ...counted, kind: z.literal('anonymous') }),
  z.strictObject({ ...common, kind: z.literal('first_seen'), of: z.enum(FIRST_SEEN_OF), learn_ms: span }),
  z.strictObject({ ...common, kind: z.enum(['missing_run_end', 'missing_post']), after_ms: span }),
  z.strictObject({
    ...common,
    kind: z.enum(['tool_drift', 'session_difference', 'sequence_gap', 'sink_failed', 'anchor_failed']),
  }),
  z.strictObject({ ...common, kind: z.literal('verification_failed'), every_ms: span }),
  z.strictObject({ ...common, kind: z.literal('disk_low'), free_bytes: z.number().nonnegative() }),
  z.strictObject({ ...common, kind: z.literal('baseline_drift'), score: z.number() }),
]);

export const AlertPolicySchema = z.strictObject({ rules: z.array(rule) });
