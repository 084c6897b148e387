/** `facts`, `rules`, `limits`, `budgets`, `approvals`, `defaults`: which calls, how many, and after whose yes. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { duration, outcome, rate, recordOf, tiers, word } from './schema-parts.ts';

const factName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a name: a letter, then letters, digits or "_", at most 64');

const factPath = z
  .string()
  .max(LIMITS.idChars)
  .regex(/^args(\.[A-Za-z0-9_-]+)+$/, 'a path into the arguments: args.amount, args.items.0.price');

const rule = z.strictObject({
  id: word.describe('Recorded when this rule decides. Unique.'),
  when: z
    .string()
    .describe('CEL over action, actor and facts: action.name == "refund.create" && facts.amount > 100.0'),
  decision: outcome,
  reason: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a code in small letters, digits and "_", such as refund_over_limit')
    .optional()
    .describe('A reason code of your own, or one of docs/policy.md.'),
  approvers: z
    .array(z.string().regex(/^(role|user):\S+$/, '"role:NAME" or "user:ID"'))
    .max(LIMITS.approvers)
    .optional()
    .describe('"role:NAME" or "user:ID". Absent: those of approvals:, and else owners and admins.'),
  ttl: duration('How long an approval may be waited for, and be used.', LIMITS.approvalTtlMostMs),
});
export type FileRule = z.infer<typeof rule>;

const whole = (what: string) => z.int().min(1).max(1_000_000_000).optional().describe(what);

const limits = z.strictObject({
  per_user: rate.optional().describe('Of one user and tier, with all of that user’s agents.'),
  per_agent: rate.optional().describe('Of one agent.'),
  per_tenant: rate.optional().describe('Of everybody in the tenant.'),
  global: rate.optional().describe('Of everybody.'),
  burst: z.int().min(1).max(LIMITS.windowCalls).optional().describe('Calls of one user in any one second.'),
});
export type FileLimits = z.infer<typeof limits>;

const budgets = z.strictObject({
  max_steps: whole('Steps of one run.'),
  max_seconds: z.number().positive().max(31_536_000).optional().describe('Seconds since the run began.'),
  max_tool_calls: whole('Tool calls of one run.'),
  max_usd: z.number().min(0).max(1_000_000_000).optional().describe('Dollars that the run may cost.'),
  max_repeat_action: whole('How often one run may do the very same action.'),
});
export type FileBudgets = z.infer<typeof budgets>;

const approvals = z.strictObject({
  ttl: duration(
    'How long an approval may be waited for, and be used. Default 10m.',
    LIMITS.approvalTtlMostMs,
  ),
  hold: duration(
    'How long a caller is held before it is told to come back. Default 30s; 0s: not at all.',
    LIMITS.approvalHoldMostMs,
    { none: true },
  ),
  approver_may_be_requester: z.boolean().optional().describe('Default false.'),
  approvers: z
    .array(z.string().regex(/^(role|user):\S+$/, '"role:NAME" or "user:ID"'))
    .max(LIMITS.approvers)
    .optional()
    .describe('Where no rule says who. Absent: owners and admins.'),
});
export type FileApprovals = z.infer<typeof approvals>;

export const bounds = {
  facts: recordOf(factName, factPath, LIMITS.policyFacts)
    .nullish()
    .describe('The only values of a call’s arguments that rules may read: { amount: args.amount }.'),
  defaults: z.strictObject(tiers).nullish().describe('What holds where nothing more specific does, by tier.'),
  rules: z
    .array(rule)
    .max(LIMITS.policyRules)
    .nullish()
    .describe('In order; stop beats approval_required beats allow.'),
  limits: limits.nullish().describe('Sliding windows. Calls that were stopped earlier do not count.'),
  budgets: budgets.nullish().describe('Of one run.'),
  approvals: approvals.nullish(),
};
