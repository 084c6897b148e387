/** Shapes of what the operator asks over HTTP; see shapes.ts. */
import { z } from 'zod';
import { KILL_SCOPE } from '../../core/governance/kill.ts';
import { LIMITS } from '../../core/limits.ts';

const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/);
const text = z.string().max(LIMITS.reasonBytes);

export const AnswerRequestShape = z
  .strictObject({
    decision: z.enum(['grant', 'deny']),
    reason: text.min(1).exactOptional().describe('why, for the record'),
  })
  .meta({
    id: 'ApprovalAnswerRequest',
    description: 'A person’s word. It counts once, for these very arguments.',
  });

export const AnswerShape = z
  .strictObject({
    decision: z.enum(['grant', 'deny']),
    id: entryId.describe('the entry of the answer'),
    approver: z.string(),
    expires_at: z.string().exactOptional().describe('until when a grant can be used'),
  })
  .meta({ id: 'ApprovalAnswer' });

export const ApprovalShape = z
  .looseObject({
    id: entryId,
    index: z.int().nonnegative(),
    status: z.enum(['pending', 'granted', 'denied', 'expired', 'used']),
    action: z.string(),
    requester: z.looseObject({
      agent_id: z.string().exactOptional(),
      claimed: z.literal(true).exactOptional().describe('nothing proved the name of the agent'),
      delegation: z
        .array(z.string())
        .exactOptional()
        .describe('agents that passed the task on, the first one first'),
      user_id: z.string().exactOptional(),
    }),
    approvers: z.array(z.string()).describe('role:NAME or user:ID'),
    requested_at: z.string(),
    expires_at: z.string(),
    arguments: z.string().exactOptional().describe('canonical JSON, redacted, perhaps only its beginning'),
    hidden: z.int().nonnegative().exactOptional().describe('values that redaction replaced in them'),
  })
  .meta({ id: 'Approval' });

export const ApprovalListShape = z
  .strictObject({ approvals: z.array(ApprovalShape) })
  .meta({ id: 'ApprovalList' });

export const KillRequestShape = z
  .strictObject({
    scope: z
      .string()
      .max(LIMITS.idChars)
      .regex(KILL_SCOPE, 'global, tenant, writes, agent:NAME or tool:NAME'),
    on: z.boolean(),
    reason: text.min(1),
  })
  .meta({ id: 'KillRequest' });

export const KillAnswerShape = z
  .strictObject({
    id: entryId.exactOptional().describe('absent when it stood like that before'),
    scope: z.string(),
    on: z.boolean(),
    changed: z.boolean(),
    aborted: z.int().nonnegative().describe('calls of that scope at the broker that were ended'),
    told: z
      .int()
      .nonnegative()
      .describe('actions of that scope that programs have under way and were told to end'),
  })
  .meta({ id: 'KillAnswer' });

export const KillListShape = z
  .strictObject({ switches: z.array(z.looseObject({ scope: z.string() })) })
  .meta({ id: 'KillList' });
