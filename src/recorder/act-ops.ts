/**
 * Requests of programs that hold their own actions until they are decided (the SDK): a decision with its pre_exec, its
 * end, and what else they report, many at a time.
 */
import { z } from 'zod';
import {
  type Decision,
  EventSchema,
  INJECTION_STYLES,
  OutcomeSchema,
  PayloadDataSchema,
  TargetSchema,
  TIERS,
} from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import type { ApprovalState } from './api.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/);
const text = z.string().max(4_096);
/** The run's own: it proves whose action it is, and who may end it. */
const run_token = z.string().max(512);
const free = z.record(z.string(), z.unknown());

/** What an action of a program begins as, and what its end is called. */
export const ACT_ENDS = {
  'tool.call': 'tool.result',
  'model.call': 'model.response',
  'retrieval.query': 'retrieval.result',
  custom: 'custom',
} as const;
export type ActType = keyof typeof ACT_ENDS;
const TYPES = Object.keys(ACT_ENDS) as [ActType, ...ActType[]];

export const ACT_OPS = {
  /**
   * Decides, and records the pre_exec in the same turn. What may not go on ends at once. Asked again for the same step of
   * a run, because an answer was lost, the first one is closed as unknown and it is decided anew.
   */
  'act.begin': z.object({
    run_token,
    /** The asker's own word that it may fail to hold the action. Without it, it holds what it asks about. */
    assurance: z.literal('observed').optional(),
    type: z.enum(TYPES),
    action: z.object({
      name: id,
      tool: z.object({ name: id, version: text.optional(), server: text.optional() }).optional(),
      target: TargetSchema.optional(),
      tier: z.enum(TIERS).optional(),
      capability: id.optional(),
    }),
    /** What `args_hash` covers, and rules read; never stored. */
    args: z.unknown().optional(),
    /** The arguments could not be taken whole: rules and approvals that need them stop the action. */
    args_partial: z.literal(true).optional(),
    /** What a person who is asked gets to see, where it is not the arguments. */
    shown: z.unknown().optional(),
    credentials: z
      .array(z.object({ ref: id, injection_style: z.enum(INJECTION_STYLES) }))
      .max(LIMITS.credentialsPerCall)
      .optional(),
    reason: z.string().max(LIMITS.reasonBytes).optional(),
    step_id: id,
    session_id: id.optional(),
    parent_id: entryId.optional(),
    trace: z.object({ trace_id: text, span_id: text.optional() }).optional(),
    risk: free.optional(),
    metadata: free.optional(),
    payload: PayloadDataSchema.optional(),
  }),
  /** Answers when a request for approval of this run is settled, or after this long with what it is then. */
  'act.wait': z.object({
    run_token,
    approval: entryId,
    ms: z.int().nonnegative().max(LIMITS.sdkApprovalPollMs),
  }),
  /** How an action of this run ended that `act.begin` let through. Its id is the client's: asked again, it is one end. */
  'act.end': z.object({
    run_token,
    id: entryId,
    end_id: entryId,
    outcome: OutcomeSchema,
    metadata: free.optional(),
    payload: PayloadDataSchema.optional(),
  }),
  /** Events that the client tells of itself, in their order. One that is refused does not keep the others back. */
  'record.batch': z.object({
    run_token: run_token.optional(),
    events: z.array(EventSchema).min(1).max(LIMITS.recordBatch),
  }),
  /** The last of a run whose program is gone when this is read: events, ends of actions and its own, in this order. */
  'run.last': z.object({
    run_id: id,
    run_token,
    events: z.array(EventSchema).max(LIMITS.recordBatch),
    ends: z
      .array(
        z.object({
          id: entryId,
          end_id: entryId,
          outcome: OutcomeSchema,
          payload: PayloadDataSchema.optional(),
        }),
      )
      .max(LIMITS.recordBatch),
    outcome: OutcomeSchema,
  }),
} as const;

/** Of a decision, what its asker needs; the entry has all of it. */
export type ToldDecision = Pick<
  Decision,
  'outcome' | 'reason' | 'message' | 'layer' | 'rule' | 'enforced' | 'retry_after_ms'
>;

export type BatchResult =
  | { readonly id: string; readonly index: number; readonly ts: string; readonly known?: true }
  | { readonly refused: { readonly code: string; readonly message: string; readonly hint?: string } };

export interface ActResults {
  'act.begin': {
    readonly id: string;
    readonly index: number;
    readonly ts: string;
    /** The one thing to look at: the action may begin. */
    readonly proceed: boolean;
    readonly decision: ToldDecision;
    readonly approval?: { readonly id: string; readonly expires_at: string };
    /** How long the policy holds a caller for a person. */
    readonly hold_ms: number;
  };
  'act.wait': { readonly status: ApprovalState };
  /** `late`: it had been closed as unknown; this end is the one that counts. */
  'act.end': { readonly id: string; readonly index: number; readonly ts: string; readonly late?: true };
  'record.batch': { readonly results: readonly BatchResult[] };
  'run.last': { readonly id?: string };
}
