/** What may be asked of the writer about what is kept: the shapes of the requests and of their answers. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { Hold } from '../core/retention/hold.ts';
import type { PrunePlan } from '../core/retention/plan.ts';
import type { RetentionSetting } from '../core/retention/setting.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const reason = z.string().min(1).max(LIMITS.reasonBytes);

export const RETENTION_OPS = {
  /** What the configuration would have removed now. */
  'retain.plan': z.object({}),
  /** Removes it. Asked again, what still runs is waited for. */
  'retain.apply': z.object({ reason: reason.optional() }),
  /** Destroys the keys of payloads. */
  'log.erase': z.object({
    run_id: id.optional(),
    subject: id.optional(),
    class: id.optional(),
    /** Milliseconds since the epoch. */
    before: z.int().positive().optional(),
    reason,
  }),
  'hold.add': z.object({
    run_id: id.optional(),
    subject: id.optional(),
    all: z.literal(true).optional(),
    reason,
  }),
  'hold.release': z.object({ hold_id: id, reason }),
  'hold.list': z.object({}),
} as const;

/** Class of payloads whose keys are due. */
export interface DuePayloads {
  readonly class: string;
  readonly days: number;
  readonly keys: number;
  /** Of them, not erased because a hold covers them. */
  readonly held: number;
}

export interface RetentionState {
  /** When what is due is looked for again; absent: not by itself. */
  readonly next?: string;
  /** Why the last prune is not finished. */
  readonly failure?: string;
}

export interface RetentionPlan extends RetentionState {
  readonly configured: RetentionSetting;
  readonly entries: PrunePlan;
  readonly payloads: readonly DuePayloads[];
  readonly holds: readonly Hold[];
}

export interface RetentionDone {
  readonly state: 'done' | 'running';
  readonly entries?: PrunePlan & { readonly entry?: number };
  readonly payloads?: readonly DuePayloads[];
}

export interface RetentionResults {
  'retain.plan': RetentionPlan;
  'retain.apply': RetentionDone;
  'log.erase': {
    readonly keys: number;
    readonly held: readonly { readonly key_id: string; readonly hold_id: string }[];
    /** Indexes of the `log.erase` entries. */
    readonly entries: readonly number[];
  };
  'hold.add': { readonly hold_id: string; readonly id: string; readonly pruning_below?: number };
  'hold.release': { readonly hold_id: string; readonly id: string };
  'hold.list': { readonly holds: readonly Hold[] };
}
