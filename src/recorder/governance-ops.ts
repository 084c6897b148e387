/** What may be asked of the writer about approvals and kill switches: the shapes of the requests and of their answers. */
import { z } from 'zod';
import type { ApprovalStatus, Requester } from '../core/governance/approvals.ts';
import { KILL_SCOPE, type KillSwitch } from '../core/governance/kill.ts';
import { LIMITS } from '../core/limits.ts';

const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/, 'the id of a request: log_…');
const reason = z.string().min(1).max(LIMITS.reasonBytes);

export const GOVERNANCE_OPS = {
  /** Those that wait; with `all` also those that are settled; with `id` that one, and what it shows. */
  'approval.list': z.object({ id: entryId.optional(), all: z.boolean().optional() }),
  'approval.grant': z.object({ id: entryId, reason: reason.optional() }),
  'approval.deny': z.object({ id: entryId, reason: reason.optional() }),
  'kill.set': z.object({
    scope: z
      .string()
      .max(LIMITS.idChars)
      .regex(KILL_SCOPE, 'global, tenant, writes, agent:NAME or tool:NAME'),
    on: z.boolean(),
    reason,
  }),
  'kill.list': z.object({}),
} as const;

export interface ListedApproval {
  readonly id: string;
  readonly index: number;
  readonly status: ApprovalStatus;
  readonly action: string;
  readonly action_key: string;
  readonly requester: Requester;
  /** On whose behalf, as the record of the call says it. */
  readonly user?: string;
  readonly run_id?: string;
  readonly approvers: readonly string[];
  readonly requested_at: string;
  readonly expires_at: string;
  readonly approver?: string;
  readonly approved_at?: string;
  /** What the person who answered said of it. */
  readonly answer_reason?: string;
  /** Where the call would go: method and URL without its query. */
  readonly target?: string;
  /** Why it was asked: the reason code, the rule and the words of the decision. */
  readonly asked?: string;
  readonly rule?: string;
  readonly message?: string;
  /** The caller's stated purpose. */
  readonly reason?: string;
  /** Canonical JSON, redacted, perhaps only its beginning; absent: nothing can be shown. */
  readonly arguments?: string;
  /** Values that redaction replaced in them. */
  readonly hidden?: number;
  /** How much of them is not shown because there is too much of it. */
  readonly left_out?: number;
  readonly credentials?: readonly string[];
}

export interface GovernanceResults {
  'approval.list': {
    /** Newest first, no more than fit into one answer. */
    readonly approvals: readonly ListedApproval[];
    /** Older ones that are left out. */
    readonly more?: number;
  };
  'approval.grant': { readonly id: string; readonly approver: string; readonly expires_at: string };
  'approval.deny': { readonly id: string; readonly approver: string };
  'kill.set': {
    readonly id?: string;
    readonly scope: string;
    readonly on: boolean;
    /** It stood like that before: nothing was recorded. */
    readonly changed: boolean;
    /** Calls of that scope that were under way at the broker and were ended. */
    readonly aborted: number;
    /** Actions of that scope that programs have under way and were told to end. */
    readonly told: number;
  };
  'kill.list': { readonly switches: readonly KillSwitch[] };
}
