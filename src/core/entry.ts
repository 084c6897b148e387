/**
 * The entry: one record for every surface. `spec/entry.md` is the normative text; this file is its schema.
 *
 * An `Event` is what a capture surface says happened. The recorder decides, redacts, and appends it as an `Entry`.
 * Unknown types and unknown fields (from newer versions) are kept unchanged: every object schema here is loose.
 * Fields are snake_case on the wire and absent rather than null.
 */
// reason for length: the one schema of an entry, read from top to bottom
import { z } from 'zod';
import { LIMITS } from './limits.ts';

export const ENTRY_VERSION = 1;

/** Types this version writes. Readers accept any `noun.verb`. */
// biome-ignore format: one line a family
export const ENTRY_TYPES = [
  'run.start', 'run.end', 'step.note', 'user.message', 'system.instruction',
  'model.call', 'model.response', 'tool.call', 'tool.result', 'retrieval.query', 'retrieval.result', 'http.call',
  'secret.access', 'decision.made', 'policy.check',
  'approval.request', 'approval.grant', 'approval.deny', 'approval.expire',
  'policy.snapshot', 'policy.change', 'allowlist.change', 'role.change', 'agent.register', 'token.issue',
  'token.revoke', 'key.rotate', 'killswitch.change', 'config.change',
  'log.open', 'log.close', 'log.recover', 'log.gap', 'log.read', 'log.export', 'log.import', 'log.prune', 'log.erase',
  'hold.add', 'hold.release',
  'clock.step', 'anchor.ok', 'anchor.fail', 'sink.ok', 'sink.fail', 'alert.raise', 'alert.close', 'session.check', 'error', 'custom',
] as const;
export type KnownEntryType = (typeof ENTRY_TYPES)[number];

export const PHASES = ['pre_exec', 'post_exec', 'point'] as const;
export type Phase = (typeof PHASES)[number];

export const IDENTITY_LEVELS = ['anonymous', 'declared', 'issued'] as const;
export type IdentityLevel = (typeof IDENTITY_LEVELS)[number];

export const SURFACES = ['proxy', 'secrets', 'sdk', 'mcp', 'hook', 'otlp', 'http', 'cli', 'server'] as const;
export type Surface = (typeof SURFACES)[number];

export const ASSURANCES = ['enforced', 'observed', 'self_reported'] as const;
export type Assurance = (typeof ASSURANCES)[number];

export const DECISION_OUTCOMES = ['allow', 'stop', 'approval_required'] as const;
export type DecisionOutcome = (typeof DECISION_OUTCOMES)[number];

// biome-ignore format: a short list
export const OUTCOME_STATUSES = [
  'ok', 'error', 'blocked', 'timeout', 'aborted', 'pending', 'unknown', 'started',
] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

export const TIERS = ['interactive', 'subagent', 'background', 'api'] as const;
export type Tier = (typeof TIERS)[number];

export const ROLES = ['owner', 'admin', 'member', 'service', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

export const INJECTION_STYLES = ['bearer', 'basic', 'header', 'query', 'body', 'form', 'env_inject'] as const;
export type InjectionStyle = (typeof INJECTION_STYLES)[number];

const id = z.string().min(1).max(LIMITS.idChars);
const text = z.string();
const count = z.number().int().nonnegative();
const hex = z.string().regex(/^[0-9a-f]+$/);
const PAYLOAD_CLASS = /^[a-z][a-z0-9_]{0,63}$/;
const freeObject = z.record(z.string(), z.unknown());

export const TargetSchema = z.looseObject({
  scheme: text.optional(),
  host: text.optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  path: text.optional(),
  query_hash: hex.optional(),
  method: text.optional(),
});
export type Target = z.infer<typeof TargetSchema>;

const actionShape = {
  name: id,
  scope: z.enum(['user', 'tenant', 'global']).optional(),
  tier: z.enum(TIERS).optional(),
  target: TargetSchema.optional(),
  tool: z.looseObject({ name: id, version: text.optional(), server: text.optional() }).optional(),
  capability: text.optional(),
};

export const ActionSchema = z.looseObject({
  ...actionShape,
  /** Lower-case hex of 16 bytes; stable for deduplication. */
  key: hex.optional(),
  args_hash: hex.optional(),
  args_hash_alg: text.optional(),
});
export type Action = z.infer<typeof ActionSchema>;

export const ActorSchema = z.looseObject({
  agent_id: id.optional(),
  agent_version: text.optional(),
  identity_level: z.enum(IDENTITY_LEVELS).optional(),
  agent_token_id: id.optional(),
  user: z.looseObject({ id: id.optional(), email: text.optional() }).optional(),
  on_behalf_of: z.looseObject({ type: id, id }).optional(),
  role: z.enum(ROLES).optional(),
  delegation_chain: z.array(id).max(LIMITS.delegationDepth).optional(),
  detected: z.looseObject({ agent: id, signals: z.array(text) }).optional(),
  is_agent: z.boolean().optional(),
  os: z
    .looseObject({
      user: text.optional(),
      uid: z.number().int().optional(),
      pid: z.number().int().optional(),
      ppid: z.number().int().optional(),
      exe: text.optional(),
      exe_hash: hex.optional(),
      host: text.optional(),
    })
    .optional(),
});
export type Actor = z.infer<typeof ActorSchema>;

export const CredentialUseSchema = z.looseObject({
  ref: id,
  injection_style: z.enum(INJECTION_STYLES).optional(),
  provider: text.optional(),
  resolution_path: text.optional(),
});
export type CredentialUse = z.infer<typeof CredentialUseSchema>;

export const LayerResultSchema = z.looseObject({
  layer: text,
  result: z.enum(['pass', 'fail', 'skip']),
  reason: text.optional(),
  us: z.number().nonnegative().optional(),
});
export type LayerResult = z.infer<typeof LayerResultSchema>;

export const DecisionSchema = z.looseObject({
  outcome: z.enum(DECISION_OUTCOMES),
  reason: text.optional(),
  message: text.optional(),
  layer: text.optional(),
  rule: text.optional(),
  /** Exactly the layers that were evaluated, in order; never reconstructed afterwards. */
  layers: z.array(LayerResultSchema),
  policy: z.looseObject({ id: text, version: text, hash: hex }).optional(),
  snapshot: z.looseObject({ hash: hex, captured_at: text }).optional(),
  /** The grant that this call used. */
  approval: z.looseObject({ id: text }).optional(),
  /** With `approval_required`: who may grant it, and for how long a grant can be had. */
  wanted: z.looseObject({ approvers: z.array(text), ttl_ms: count }).optional(),
  /** With a rate limit: when one more call fits. */
  retry_after_ms: count.optional(),
  inputs: freeObject.optional(),
  engine: text.optional(),
  enforced: z.boolean().optional(),
});
export type Decision = z.infer<typeof DecisionSchema>;

export const OutcomeSchema = z.looseObject({
  status: z.enum(OUTCOME_STATUSES),
  late: z.boolean().optional(),
  status_code: z.number().int().optional(),
  duration_ms: z.number().nonnegative().optional(),
  error_kind: text.optional(),
  error: text.optional(),
  redacted: z.boolean().optional(),
  redaction: z.looseObject({ count, rules: z.record(z.string(), count) }).optional(),
  request_hash: hex.optional(),
  result_hash: hex.optional(),
  bytes_in: count.optional(),
  bytes_out: count.optional(),
  usage: z
    .looseObject({
      input_tokens: count.optional(),
      output_tokens: count.optional(),
      cost_usd: z.number().nonnegative().optional(),
    })
    .optional(),
});
export type Outcome = z.infer<typeof OutcomeSchema>;

export const SecretAccessSchema = z.looseObject({
  key: id.optional(),
  keys: z.array(id).optional(),
  operation: z.enum(['get', 'set', 'delete', 'check', 'run', 'import', 'export']),
  provider: text.optional(),
  ref: text.optional(),
  profile: text.optional(),
  /** argv[0] only: arguments carry secrets. */
  command: text.optional(),
  found: z.enum(['found', 'missing', 'default', 'written', 'deleted', 'started', 'error']).optional(),
});
export type SecretAccess = z.infer<typeof SecretAccessSchema>;

export const SourceSchema = z.looseObject({
  surface: z.enum(SURFACES),
  recorder_id: id,
  recorder_version: text,
  /** Gap-free per recorder start, from 0 (the `log.open` entry). */
  seq: count,
  assurance: z.enum(ASSURANCES),
});
export type Source = z.infer<typeof SourceSchema>;

/** What an event brings that is too large, or too private, for its entry. Kept only as the configuration says. */
export const PayloadDataSchema = z.looseObject({
  media_type: z.string().min(1).max(LIMITS.idChars),
  /** What it is in its event: arguments, result, prompt, body … */
  class: z.string().regex(PAYLOAD_CLASS),
  /** Text, or base64 (RFC 4648 section 4) of bytes. */
  data: text,
  encoding: z.enum(['utf8', 'base64']).optional(),
  /** Whose data it is: what belongs to one subject can be erased together. Only a keyed hash of it is stored. */
  subject: id.optional(),
  /** Whoever brings it cut its end off. */
  truncated: z.boolean().optional(),
});
export type PayloadData = z.infer<typeof PayloadDataSchema>;

/** What an entry says of its payload: where it lies encrypted, or, without `pack`, a hash of what was not kept. */
export const PayloadSchema = z.looseObject({
  media_type: text,
  class: text,
  commit: hex.optional(),
  cipher_hash: hex.optional(),
  pack: text.optional(),
  offset: count.optional(),
  length: count.optional(),
  key_id: text.optional(),
  truncated: z.boolean().optional(),
  hash: hex.optional(),
  hash_alg: text.optional(),
});
export type Payload = z.infer<typeof PayloadSchema>;

const commonShape = {
  type: z
    .string()
    .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/)
    .max(64),
  phase: z.enum(PHASES),
  project_id: id.optional(),
  environment: id.optional(),
  run_id: id.optional(),
  step_id: id.optional(),
  session_id: id.optional(),
  parent_id: id.optional(),
  trace: z.looseObject({ trace_id: text, span_id: text.optional() }).optional(),
  actor: ActorSchema.optional(),
  credentials: z.array(CredentialUseSchema).max(LIMITS.credentialsPerCall).optional(),
  decision: DecisionSchema.optional(),
  outcome: OutcomeSchema.optional(),
  secret: SecretAccessSchema.optional(),
  reason: text.optional(),
  quality: z.record(z.string(), z.enum(['verified', 'asserted', 'inferred'])).optional(),
  risk: freeObject.optional(),
  metadata: freeObject.optional(),
};

/**
 * What a capture surface reports. `action.args` is hashed and dropped: it never reaches an entry.
 * `id` may be set by the producer to make retries idempotent ("log_" + ULID).
 */
export const EventSchema = z.looseObject({
  ...commonShape,
  id: z
    .string()
    .regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/)
    .optional(),
  action: z
    .looseObject({
      ...actionShape,
      args: z.unknown().optional(),
      /** Appended to `args_hash_alg`, e.g. "body=streamed": what the hash does not cover. */
      args_note: text.optional(),
    })
    .optional(),
  payload: PayloadDataSchema.optional(),
});
export type Event = z.infer<typeof EventSchema>;

/** What is stored. Key order on disk is RFC 8785's. */
export const EntrySchema = z.looseObject({
  ...commonShape,
  v: z.literal(ENTRY_VERSION),
  id: z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/),
  index: count,
  /** Standard base64 of the previous entry's leaf hash; 32 zero bytes for index 0. */
  prev: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  ts: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  /** Present when `ts` is before the previous entry's. */
  clock: z.literal('back').optional(),
  tenant_id: id,
  action: ActionSchema.optional(),
  source: SourceSchema,
  payload: PayloadSchema.optional(),
});
export type Entry = z.infer<typeof EntrySchema>;

export { GENESIS_PREV } from './tlog/fields.ts';

/** Every object schema by its place in an entry: the serialiser derives its fixed key orders from these. */
export const ENTRY_SHAPES = {
  entry: EntrySchema,
  target: TargetSchema,
  action: ActionSchema,
  actor: ActorSchema,
  credential: CredentialUseSchema,
  decision: DecisionSchema,
  layer: LayerResultSchema,
  outcome: OutcomeSchema,
  secret: SecretAccessSchema,
  source: SourceSchema,
  payload: PayloadSchema,
} as const;
