/**
 * The shapes of the API. They check what comes, and the description that others read (openapi.ts) is made of them, so
 * the two cannot differ. Requests are strict: a member with a typing error would otherwise be left out of what is
 * decided on.
 */
import { z } from 'zod';
import { DECISION_OUTCOMES, INJECTION_STYLES, TIERS } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { outcomeMembers } from './shapes-outcome.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/);
const reason = z.string().max(LIMITS.reasonBytes);
const count = z.int().nonnegative();
const text = z.string().max(4_096);
const instant = z.string().describe('RFC 3339, UTC');

export const TargetShape = z.strictObject({
  scheme: z.enum(['https', 'http']).exactOptional(),
  host: z.string().max(LIMITS.idChars),
  port: z.int().min(1).max(65_535).exactOptional(),
  path: z
    .string()
    .max(8_192)
    .regex(/^[^?#]*$/, 'without a query: what of it matters belongs into args')
    .exactOptional(),
  method: z.string().max(32).exactOptional(),
});

export const DecisionRequestShape = z
  .strictObject({
    action: z.strictObject({
      name: id.describe('what the policy calls it, e.g. refund.create'),
      tool: z
        .strictObject({ name: id, version: text.exactOptional(), server: text.exactOptional() })
        .exactOptional(),
      target: TargetShape.exactOptional().describe('where it goes; the allowlist judges it'),
      tier: z.enum(TIERS).exactOptional(),
      capability: id.exactOptional(),
    }),
    args: z
      .unknown()
      .exactOptional()
      .describe('the arguments, all of them: hashed, never stored; an approval binds to them'),
    credentials: z
      .array(z.strictObject({ ref: id, injection_style: z.enum(INJECTION_STYLES) }))
      .max(LIMITS.credentialsPerCall)
      .exactOptional(),
    reason: reason.exactOptional().describe('the purpose, as the caller states it'),
    agent_id: id.exactOptional().describe('a name without proof; a token proves one'),
    tenant_id: id.exactOptional(),
    project_id: id.exactOptional(),
    environment: id.exactOptional(),
    run_id: id.exactOptional().describe('a run that the caller groups by; a run token names its own'),
    session_id: id.exactOptional(),
    step_id: id.exactOptional(),
    parent_id: entryId.exactOptional(),
  })
  .meta({ id: 'DecisionRequest', description: 'What somebody wants to do.' });
export type DecisionRequestBody = z.infer<typeof DecisionRequestShape>;

export const DecisionShape = z
  .looseObject({
    outcome: z.enum(DECISION_OUTCOMES),
    reason: z.string().exactOptional().describe('a code of the policy: spec/policy.md lists them'),
    message: z.string().exactOptional().describe('for a person'),
    layer: z.string().exactOptional(),
    rule: z.string().exactOptional(),
    layers: z.array(
      z.looseObject({
        layer: z.string(),
        result: z.enum(['pass', 'fail', 'skip']),
        reason: z.string().exactOptional(),
      }),
    ),
    enforced: z.boolean().exactOptional().describe('false: the policy only observes'),
    retry_after_ms: count.exactOptional(),
  })
  .meta({ id: 'Decision', description: 'As it is recorded; spec/entry.md, section 4.' });

export const ApprovalRefShape = z
  .looseObject({ id: entryId, expires_at: instant })
  .meta({ id: 'ApprovalRef', description: 'Where a person is asked.' });

export const DecisionAnswerShape = z
  .strictObject({
    id: entryId.describe('the entry of the decision; outcomes name it as decision_id'),
    index: count,
    ts: instant,
    proceed: z.boolean().describe('the one thing to look at: act only when it is true'),
    decision: DecisionShape,
    approval: ApprovalRefShape.exactOptional(),
    approval_id: entryId.exactOptional(),
    retry_after_ms: count.exactOptional(),
  })
  .meta({ id: 'DecisionAnswer' });

export const OutcomeRequestShape = z
  .strictObject({
    decision_id: entryId,
    id: entryId.exactOptional().describe('made by the caller: the same outcome sent again is recorded once'),
    outcome: z.strictObject({
      status: z.enum(['ok', 'error', 'timeout', 'aborted', 'unknown']),
      ...outcomeMembers,
      result_hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .exactOptional(),
    }),
  })
  .meta({ id: 'OutcomeRequest', description: 'How an action ended that was decided here.' });
export type OutcomeRequestBody = z.infer<typeof OutcomeRequestShape>;

export const OutcomeAnswerShape = z
  .strictObject({
    id: entryId,
    index: count,
    ts: instant,
    decision_id: entryId,
    known: z.boolean().exactOptional().describe('true: it had been recorded before, under this id'),
    late: z.boolean().exactOptional().describe('true: the action had been closed as unknown before'),
  })
  .meta({ id: 'OutcomeAnswer' });

export const ErrorShape = z
  .looseObject({
    error: z.looseObject({
      code: z.string(),
      message: z.string(),
      hint: z.string(),
    }),
  })
  .meta({ id: 'Error', description: 'What went wrong, and what mends it. No error is a permission.' });

/** One result of a batch: the status and the body that the single request would have had. */
export const batchAnswer = (name: string, result: z.ZodType) =>
  z
    .strictObject({
      results: z.array(z.strictObject({ status: z.int(), body: z.union([result, ErrorShape]) })),
    })
    .meta({ id: name, description: 'In the order of the requests, one for each.' });

const items = (one: z.ZodType) => z.strictObject({ requests: z.array(one).min(1).max(LIMITS.apiBatchItems) });

export const DecisionBatchShape = items(DecisionRequestShape).meta({ id: 'DecisionBatch' });
export const DecisionBatchAnswerShape = batchAnswer('DecisionBatchAnswer', DecisionAnswerShape);
export const OutcomeBatchShape = items(OutcomeRequestShape).meta({ id: 'OutcomeBatch' });
export const OutcomeBatchAnswerShape = batchAnswer('OutcomeBatchAnswer', OutcomeAnswerShape);
