/**
 * The compiled policy as it stands in a snapshot. Strict on purpose: a snapshot of a newer format must not be replayed
 * with half of its meaning. Whatever an earlier version wrote still passes: members are added, and each is optional.
 */
import { z } from 'zod';
import { AlertPolicySchema } from '../alert/snapshot.ts';
import { DECISION_OUTCOMES, INJECTION_STYLES } from '../entry.ts';

const issued = z.literal('issued').exactOptional();
const verdict = z.enum(['allow', 'stop']);
const outcome = z.enum(DECISION_OUTCOMES);
const list = z.array(z.string());
const texts = list.exactOptional();
const flag = z.boolean().exactOptional();
const count = z.number().exactOptional();
const byName = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

const rate = z.strictObject({ count: z.int().min(1), window_ms: z.int().min(1) });
const tier = z
  .strictObject({ permission: outcome.exactOptional(), rate: rate.exactOptional() })
  .exactOptional();
const tiers = z.strictObject({ interactive: tier, subagent: tier, background: tier, api: tier });

const allowedHost = z.strictObject({
  host: z.string(),
  port: z.int().min(1).max(65_535).exactOptional(),
  http: flag,
  internal: flag,
  ca: z.string().exactOptional(),
  durability: z.enum(['reply', 'async']).exactOptional(),
  methods: texts,
  paths: texts,
  projects: texts,
  environments: texts,
});

const credential = z.strictObject({
  hosts: texts,
  agents: texts,
  styles: z.array(z.enum(INJECTION_STYLES)).exactOptional(),
  methods: byName(outcome).exactOptional(),
  requires: issued,
});

const agent = z.strictObject({
  requires: issued,
  credentials: z.strictObject({ allow: texts, deny: texts }).exactOptional(),
  tools: texts,
  hosts: texts,
});

const user = z.strictObject({
  email: z.string().exactOptional(),
  roles: list,
  service: flag,
  scopes: texts,
  projects: texts,
  environments: texts,
  tiers: tiers.exactOptional(),
  tools: byName(tiers).exactOptional(),
});

const tool = z.strictObject({
  required_scopes: texts,
  roles: texts,
  sensitivity: z.enum(['low', 'medium', 'high']).exactOptional(),
  writes: flag,
  reason: z.literal('required').exactOptional(),
  tiers: tiers.exactOptional(),
});

const rule = z.strictObject({
  id: z.string(),
  when: z.string(),
  decision: outcome,
  reason: z.string().exactOptional(),
  approvers: texts,
  ttl_ms: count,
});

const limits = z.strictObject({
  per_user: rate.exactOptional(),
  per_agent: rate.exactOptional(),
  per_tenant: rate.exactOptional(),
  global: rate.exactOptional(),
  burst: count,
});

const budgets = z.strictObject({
  max_steps: count,
  max_seconds: count,
  max_tool_calls: count,
  max_usd: count,
  max_repeat_action: count,
});

const approvals = z.strictObject({
  ttl_ms: z.number(),
  hold_ms: z.number(),
  approver_may_be_requester: z.boolean(),
  approvers: texts,
});

export const CompiledPolicySchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  version: z.string(),
  source_hash: z.string().regex(/^[0-9a-f]{64}$/),
  mode: z.enum(['enforce', 'observe']),
  identity: z.strictObject({ anonymous: verdict, declared: verdict }),
  allowlist: z.array(allowedHost),
  unlisted: z.literal('tunnel').exactOptional(),
  tunnel: z
    .array(
      z.strictObject({ host: z.string(), port: z.int().min(1).max(65_535).exactOptional(), internal: flag }),
    )
    .exactOptional(),
  credentials: byName(credential),
  agents: byName(agent),
  roles: byName(z.strictObject({ scopes: list })).exactOptional(),
  users: byName(user).exactOptional(),
  tools: byName(tool).exactOptional(),
  defaults: tiers.exactOptional(),
  facts: byName(list).exactOptional(),
  rules: z.array(rule).exactOptional(),
  limits: limits.exactOptional(),
  budgets: budgets.exactOptional(),
  approvals: approvals.exactOptional(),
  alerts: AlertPolicySchema.exactOptional(),
  unreadable: z.string().exactOptional(),
});
