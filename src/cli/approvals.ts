/**
 * Everything that belongs to one approval, found by its links: the call that needed it, the request, the answers, and
 * the call that went on (spec/query.md says how they are tied). Each link is read from the log; none is proved here.
 */
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { isSelfReported } from '../core/query/assurance.ts';
import { field, textAt } from '../core/query/fields.ts';
import type { OpenedQuery } from '../open/query.ts';
import { childrenOf, entriesAt, entryById, type Placed } from './lookup.ts';

export type Role = 'asked' | 'request' | 'grant' | 'deny' | 'expire' | 'resumed';

export interface ChainLink extends Placed {
  readonly role: Role;
  /** The post_exec of a call. */
  readonly end?: Placed;
}

export const APPROVAL_STATES = ['unanswered', 'granted', 'denied', 'expired', 'resumed'] as const;

export interface ApprovalChain {
  /** `granted`: and nothing went on yet. By what the log says; the last answer counts. */
  readonly state: (typeof APPROVAL_STATES)[number];
  /** In the order of the log. */
  readonly links: readonly ChainLink[];
  /** There are more than `LIMITS.approvalLinks`. */
  readonly cut: boolean;
}

const ROLES: Readonly<Record<string, Role>> = {
  'approval.request': 'request',
  'approval.grant': 'grant',
  'approval.deny': 'deny',
  'approval.expire': 'expire',
};
/** Steps from any link up to the call that asked. */
const CLIMB = 8;

function roleOf(entry: JsonObject): Role | undefined {
  const type = textAt(entry, 'type') ?? '';
  if (Object.hasOwn(ROLES, type)) return ROLES[type];
  if (textAt(entry, 'phase') !== 'pre_exec') return undefined;
  if (field(entry, 'decision', 'approval') !== undefined) return 'resumed';
  return textAt(entry, 'decision', 'outcome') === 'approval_required' ? 'asked' : undefined;
}

/** `from`: any entry. undefined when it has nothing to do with an approval. */
export async function approvalChain(opened: OpenedQuery, from: Placed): Promise<ApprovalChain | undefined> {
  const start = await beginningOf(opened, from);
  if (start === undefined || roleOf(start.entry) === undefined) return undefined;
  const root = await climb(opened, start);
  const links = new Map<number, ChainLink>();
  const queue: Placed[] = [root];
  let cut = false;
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    const role = roleOf(at.entry);
    if (role === undefined || links.has(at.index)) continue;
    if (links.size >= LIMITS.approvalLinks) {
      cut = true;
      break;
    }
    const end = role === 'asked' || role === 'resumed' ? await endOf(opened, at.index) : undefined;
    links.set(at.index, end === undefined ? { ...at, role } : { ...at, role, end });
    // What a call that went on did in turn is another story.
    const id = role === 'resumed' ? undefined : textAt(at.entry, 'id');
    if (id === undefined) continue;
    const children = await childrenOf(opened, id, LIMITS.approvalLinks);
    cut ||= children.count > LIMITS.approvalLinks;
    queue.push(...children.some);
  }
  const sorted = [...links.values()].sort((a, b) => a.index - b.index);
  return { state: stateOf(sorted), links: sorted, cut };
}

/** The pre_exec of a post_exec; everything else itself. */
async function beginningOf(opened: OpenedQuery, { index, entry }: Placed): Promise<Placed | undefined> {
  if (textAt(entry, 'phase') !== 'post_exec') return { index, entry };
  return entryById(opened, textAt(entry, 'parent_id') ?? '');
}

async function climb(opened: OpenedQuery, from: Placed): Promise<Placed> {
  let at = from;
  for (let step = 0; step < CLIMB && roleOf(at.entry) !== 'asked'; step++) {
    const parent = textAt(at.entry, 'parent_id');
    const named = parent === undefined ? undefined : await entryById(opened, parent);
    const above = named === undefined ? undefined : await beginningOf(opened, named);
    if (above === undefined || roleOf(above.entry) === undefined) break;
    at = above;
  }
  return at;
}

async function endOf(opened: OpenedQuery, index: number): Promise<Placed | undefined> {
  const row = await opened.query.rowOf(index);
  const [end] = row?.end === undefined ? [] : await entriesAt(opened, [row.end]);
  return end;
}

/** A client's own word answers nothing. */
export function isAnswer({ role, entry }: ChainLink): boolean {
  return (role === 'grant' || role === 'deny' || role === 'expire') && !isSelfReported(entry);
}

function stateOf(links: readonly ChainLink[]): ApprovalChain['state'] {
  if (links.some(({ role }) => role === 'resumed')) return 'resumed';
  const answer = links.findLast(isAnswer);
  if (answer === undefined) return 'unanswered';
  return answer.role === 'grant' ? 'granted' : answer.role === 'deny' ? 'denied' : 'expired';
}
