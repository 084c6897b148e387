/** The shapes of events that programs tell of themselves. */
import { z } from 'zod';
import { INJECTION_STYLES, OUTCOME_STATUSES, PHASES, TIERS } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { batchAnswer, TargetShape } from './shapes.ts';
import { outcomeMembers } from './shapes-outcome.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/);
const count = z.int().nonnegative();
const text = z.string().max(4_096);
const free = z.record(z.string(), z.unknown());

/** What a program may tell of. Of what was decided and done here the recorder writes itself. */
// biome-ignore format: one line a family
export const REPORTED_TYPES = [
  'run.start', 'run.end', 'step.note', 'user.message', 'system.instruction',
  'model.call', 'model.response', 'tool.call', 'tool.result', 'retrieval.query', 'retrieval.result', 'http.call',
  'policy.check', 'error', 'custom', 'log.gap',
] as const;

export const EventRequestShape = z
  .strictObject({
    id: entryId.exactOptional().describe('made by the caller: the same event sent again is recorded once'),
    type: z.enum(REPORTED_TYPES),
    phase: z
      .enum(PHASES)
      .describe(
        'pre_exec begins something, post_exec ends it (parent_id names the beginning), point is neither',
      ),
    run_id: id.exactOptional().describe('a run of the caller’s own; a run token names its own'),
    step_id: id.exactOptional(),
    session_id: id.exactOptional(),
    parent_id: entryId.exactOptional(),
    project_id: id.exactOptional(),
    environment: id.exactOptional(),
    trace: z.strictObject({ trace_id: text, span_id: text.exactOptional() }).exactOptional(),
    actor: z
      .strictObject({
        agent_id: id.exactOptional().describe('a name without proof; a token proves one'),
        agent_version: text.exactOptional(),
        delegation_chain: z.array(id).max(LIMITS.delegationDepth).exactOptional(),
      })
      .exactOptional(),
    action: z
      .strictObject({
        name: id,
        tool: z
          .strictObject({ name: id, version: text.exactOptional(), server: text.exactOptional() })
          .exactOptional(),
        target: TargetShape.exactOptional(),
        tier: z.enum(TIERS).exactOptional(),
        capability: id.exactOptional(),
        args: z.unknown().exactOptional().describe('hashed, never stored; what is to be kept is a payload'),
        args_note: z.string().max(64).exactOptional().describe('what the hash does not cover'),
      })
      .exactOptional(),
    credentials: z
      .array(z.strictObject({ ref: id, injection_style: z.enum(INJECTION_STYLES) }))
      .max(LIMITS.credentialsPerCall)
      .exactOptional(),
    outcome: z.strictObject({ status: z.enum(OUTCOME_STATUSES), ...outcomeMembers }).exactOptional(),
    reason: z.string().max(LIMITS.reasonBytes).exactOptional(),
    risk: free.exactOptional(),
    metadata: free.exactOptional(),
    payload: z
      .strictObject({
        media_type: z.string().min(1).max(LIMITS.idChars),
        class: z
          .string()
          .regex(/^[a-z][a-z0-9_]{0,63}$/)
          .describe('arguments, result, prompt, body …'),
        data: z.string().describe('kept as the machine’s configuration says'),
        encoding: z.enum(['utf8', 'base64']).exactOptional(),
        subject: id.exactOptional().describe('whose data it is; only a keyed hash of it is stored'),
      })
      .exactOptional(),
  })
  .meta({ id: 'EventRequest', description: 'What a program says happened. Recorded as self_reported.' });
export type EventRequestBody = z.infer<typeof EventRequestShape>;

export const EventBatchShape = z
  .strictObject({ events: z.array(EventRequestShape).min(1).max(LIMITS.apiBatchItems) })
  .meta({ id: 'EventBatch', description: 'In the order in which they are to stand in the log.' });

export const EventAnswerShape = z
  .strictObject({
    id: entryId,
    index: count,
    ts: z.string().describe('RFC 3339, UTC'),
    known: z.boolean().exactOptional().describe('true: it had been recorded before, under this id'),
  })
  .meta({ id: 'EventAnswer' });

export const EventBatchAnswerShape = batchAnswer('EventBatchAnswer', EventAnswerShape);
