/** `limits`, `budgets`, `approvals`. */
import { durationMs } from '../../alert/duration.ts';
import { LIMITS } from '../../limits.ts';
import type { Approvals, Limits } from '../compiled.ts';
import type { FileApprovals, FileLimits } from '../schema-bounds.ts';
import { rateOf } from '../schema-parts.ts';
import { type Complain, present } from './complain.ts';
import type { Known } from './known.ts';
import { checkApprovers } from './rules.ts';

const rate = (text: string | undefined): ReturnType<typeof rateOf> =>
  text === undefined ? undefined : rateOf(text);

export function compileLimits(file: FileLimits): Limits {
  return present({
    per_user: rate(file.per_user),
    per_agent: rate(file.per_agent),
    per_tenant: rate(file.per_tenant),
    global: rate(file.global),
    burst: file.burst,
  });
}

const HOLD_MS = 30_000;

const ms = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : (durationMs(text) ?? fallback);

export function compileApprovals(file: FileApprovals, known: Known, complain: Complain): Approvals {
  checkApprovers(file.approvers, ['approvals', 'approvers'], known, complain);
  return {
    ttl_ms: ms(file.ttl, LIMITS.approvalTtlMs),
    hold_ms: file.hold === '0s' ? 0 : ms(file.hold, HOLD_MS),
    approver_may_be_requester: file.approver_may_be_requester ?? false,
    ...present({ approvers: file.approvers }),
  };
}
