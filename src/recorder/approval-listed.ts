/** A request for approval as it is listed and shown. */
import type { Approval, ApprovalStatus } from '../core/governance/approvals.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { listAt, numberAt, textAt } from '../core/query/fields.ts';
import type { ListedApproval } from './governance-ops.ts';

/** `entry`: as it stands in the log, when it is there. `whole`: with the arguments. */
export function listedApproval(
  approval: Approval,
  status: ApprovalStatus,
  entry: JsonObject | undefined,
  whole: boolean,
): ListedApproval {
  const {
    args_hash: _hash,
    args_hash_alg: _alg,
    policy_hash: _policy,
    parent_id: _parent,
    ...rest
  } = approval;
  const { ttl_ms: _ttl, expires: _expires, told: _told, ...listed } = rest;
  return { ...listed, status, ...said(entry, whole) };
}

/** What only the entry has. `whole`: the arguments too. */
function said(entry: JsonObject | undefined, whole: boolean): Partial<ListedApproval> {
  if (entry === undefined) return {};
  const about = (name: string): string | undefined => textAt(entry, 'metadata', name);
  const credentials = listAt(entry, 'credentials').flatMap((one) => textAt(one, 'ref') ?? []);
  const found = {
    target: whole ? targetOf(entry) : cut(targetOf(entry)),
    asked: about('asked'),
    rule: about('rule'),
    message: about('message'),
    reason: textAt(entry, 'reason'),
    user: textAt(entry, 'actor', 'user', 'id'),
    hidden: numberAt(entry, 'metadata', 'hidden'),
    left_out: numberAt(entry, 'metadata', 'left_out'),
    ...(whole ? { arguments: about('arguments') } : {}),
    ...(credentials.length === 0 ? {} : { credentials }),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** "POST https://host/path": without a query, which is recorded by its hash. */
function targetOf(entry: JsonObject): string | undefined {
  const at = (name: string): string | undefined => textAt(entry, 'action', 'target', name);
  const host = at('host');
  if (host === undefined) return undefined;
  const scheme = at('scheme') ?? 'https';
  const port = numberAt(entry, 'action', 'target', 'port');
  const usual = port === undefined || port === (scheme === 'http' ? 80 : 443);
  return `${at('method') ?? 'CALL'} ${scheme}://${host}${usual ? '' : `:${port}`}${at('path') ?? ''}`;
}

function cut(target: string | undefined): string | undefined {
  if (target === undefined || target.length <= LIMITS.listedTargetChars) return target;
  return `${target.slice(0, LIMITS.listedTargetChars).toWellFormed()}…`;
}
