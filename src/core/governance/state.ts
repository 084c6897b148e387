/**
 * What decisions are made from besides the policy and the request, as the log tells it: kill switches, sliding windows,
 * budgets and approvals. A fold over entries, told of each as it gets its place, so that the next decision knows of it;
 * rebuilt from the log it gives the same answers.
 *
 * Only what the recorder decided and wrote itself counts. Clients cannot write decisions, and what an import brings was
 * decided elsewhere: its decisions have no layers.
 */
import type { JsonObject } from '../json.ts';
import type { PolicyInForce } from '../policy/compiled.ts';
import { killScopesOf } from '../policy/kill-scopes.ts';
import { countedOf, runOf } from '../policy/subject.ts';
import type {
  DecisionInputs,
  DecisionRequest,
  Identity,
  KillRead,
  Principal,
  WindowRead,
} from '../policy/types.ts';
import { subjectsOf, windowsOf } from '../policy/windows.ts';
import { booleanAt, field, isObject, listAt, numberAt, textAt } from '../query/fields.ts';
import {
  type ApprovalState,
  approvalKey,
  emptyApprovals,
  foldAnswer,
  foldExpiry,
  foldRequest,
  foldTold,
  foldUse,
  type Requester,
  readGrant,
} from './approvals.ts';
import { type BudgetState, emptyBudgets, foldCost, foldRunStart, foldStep, readBudget } from './budgets.ts';
import { foldKill, KILL_CHANGE, type KillState } from './kill.ts';
import { type Needs, SUBJECT_KINDS } from './needs.ts';
import { type FoldedTime, passTime, startOfTime, stepTime, timeAt } from './time.ts';
import { countCall, countsCalls, emptyWindows, readWindow, type WindowsState } from './windows.ts';

export interface GovernanceState {
  /** Entries that this reflects. */
  size: number;
  readonly time: FoldedTime;
  readonly kill: KillState;
  windows: WindowsState;
  readonly budgets: BudgetState;
  readonly approvals: ApprovalState;
}

/** The members of `DecisionInputs` that come from here. */
export type Governed = Pick<DecisionInputs, 'kill' | 'windows' | 'budget' | 'grant'>;

export function emptyGovernance(needs?: Needs): GovernanceState {
  return {
    size: 0,
    time: startOfTime(),
    kill: new Map(),
    windows: emptyWindows(needs),
    budgets: emptyBudgets(),
    approvals: emptyApprovals(),
  };
}

const OWN_TYPES: ReadonlySet<string> = new Set([
  KILL_CHANGE,
  'approval.request',
  'approval.grant',
  'approval.deny',
  'approval.expire',
  'clock.step',
  'run.start',
  // A clock that was set back while nothing ran is met at the start.
  'log.open',
]);

/** In a line of the log: what an entry of another type has to say to be of interest here. */
export const GOVERNED_MENTIONS = ['"layer":"limits"', '"cost_usd":', '"approval_expired"'] as const;

export const isGovernedType = (type: string): boolean => OWN_TYPES.has(type);

/** Entries are handed in by rising index; one that was seen already changes nothing. Others may be left out. */
export function foldEntry(state: GovernanceState, entry: JsonObject): void {
  const type = textAt(entry, 'type') ?? '';
  const own = OWN_TYPES.has(type);
  const decided = Object.hasOwn(entry, 'decision');
  const cost = Object.hasOwn(entry, 'outcome') && field(entry, 'outcome', 'usage', 'cost_usd') !== undefined;
  // Most entries say nothing of this, and every one comes by here.
  if (!own && !decided && !cost) return;
  const index = numberAt(entry, 'index');
  const ms = Date.parse(textAt(entry, 'ts') ?? '');
  if (index === undefined || index < state.size || Number.isNaN(ms)) return;
  state.size = index + 1;
  if (own) foldOwn(state, type, entry, ms);
  if (decided) foldDecision(state, entry, ms);
  if (cost && field(entry, 'metadata', 'imported') === undefined)
    foldCost(state.budgets, entry, passTime(state.time, ms));
}

function foldOwn(state: GovernanceState, type: string, entry: JsonObject, ms: number): void {
  // Refused requests are entries of the same types.
  const decided = textAt(entry, 'decision', 'outcome');
  if (textAt(entry, 'source', 'assurance') !== 'enforced' || (decided !== undefined && decided !== 'allow'))
    return;
  if (type === 'clock.step') stepTime(state.time, numberAt(entry, 'metadata', 'step_ms') ?? 0);
  const now = passTime(state.time, ms);
  if (type === KILL_CHANGE) foldKill(state.kill, entry);
  else if (type === 'run.start') foldRunStart(state.budgets, entry, now);
  else if (type === 'approval.request') foldRequest(state.approvals, entry, now);
  else if (type === 'approval.grant') foldAnswer(state.approvals, entry, 'granted', now);
  else if (type === 'approval.deny') foldAnswer(state.approvals, entry, 'denied', now);
  else if (type === 'approval.expire') foldExpiry(state.approvals, entry);
}

function foldDecision(state: GovernanceState, entry: JsonObject, ms: number): void {
  const layers = listAt(entry, 'decision', 'layers');
  if (layers.length === 0) return;
  const outcome = textAt(entry, 'decision', 'outcome');
  const grant = textAt(entry, 'decision', 'inputs', 'grant', 'id');
  if (textAt(entry, 'decision', 'reason') === 'approval_expired' && grant !== undefined)
    foldTold(state.approvals, grant);
  const limits = layers.find((layer) => isObject(layer) && layer.layer === 'limits');
  if (limits === undefined) return;
  const now = passTime(state.time, ms);
  if (textAt(limits, 'result') === 'fail') return;
  const used = textAt(entry, 'decision', 'approval', 'id');
  // One that a person let through was counted when it was asked.
  if (used === undefined && countsCalls(state.windows))
    countCall(state.windows, subjectsOf(callOf(entry)), now);
  if (outcome !== 'allow' && booleanAt(entry, 'decision', 'enforced') !== false) return;
  foldStep(state.budgets, entry, now);
  if (used !== undefined && outcome === 'allow') foldUse(state.approvals, used);
}

/** Whose call an entry tells of: what `countedOf` said when it was decided. */
function callOf(entry: JsonObject): ReturnType<typeof countedOf> {
  const tool = textAt(entry, 'action', 'tool', 'name');
  const tier = textAt(entry, 'action', 'tier') as DecisionRequest['action']['tier'];
  // A delegated call counts for the agent that began the chain, as `countedOf` has it.
  const [first] = listAt(entry, 'decision', 'inputs', 'identity', 'delegation');
  const agent_id = textAt(first, 'agent_id') ?? textAt(entry, 'decision', 'inputs', 'identity', 'agent_id');
  const user_id = textAt(entry, 'decision', 'inputs', 'principal', 'id');
  const request: DecisionRequest = {
    tenant_id: textAt(entry, 'tenant_id') ?? '',
    action: {
      name: textAt(entry, 'action', 'name') ?? '',
      ...(tool === undefined ? {} : { tool: { name: tool } }),
      ...(tier === undefined ? {} : { tier }),
    },
    credentials: [],
  };
  return countedOf(request, {
    identity: { level: 'anonymous', ...(agent_id === undefined ? {} : { agent_id }) },
    ...(user_id === undefined ? {} : { principal: { id: user_id, source: 'token' } }),
  });
}

/** What stands against or for this call now. Changes nothing; costs what the policy asks for. */
export function readFor(
  state: GovernanceState,
  request: DecisionRequest,
  identity: Identity,
  principal: Principal | undefined,
  { compiled }: PolicyInForce,
  nowMs: number,
): Governed {
  const now = timeAt(state.time, nowMs);
  const runId = compiled.budgets === undefined ? undefined : runOf(request, identity);
  const { key, args_hash } = request.action;
  // Most machines never ask a person, and the key of a request costs as much as all the rest.
  const grant =
    key === undefined || state.approvals.byId.size === 0
      ? undefined
      : readGrant(
          state.approvals,
          approvalKey(requesterOf(identity, principal?.id), key, args_hash),
          state.time,
          nowMs,
        );
  return {
    ...killsFor(state.kill, () => killScopesOf(request, identity, compiled)),
    ...windowsFor(state.windows, request, identity, principal, compiled, now, askedAt(state, grant)),
    ...(runId === undefined ? {} : { budget: readBudget(state.budgets, runId, key, now) }),
    ...(grant === undefined ? {} : { grant }),
  };
}

/**
 * Who asks, as a grant is bound to it. A name that was not proved, and one that a delegator gave, are not those of the
 * agent that the operator gave them to.
 */
export function requesterOf(
  { level, agent_id, delegation = [] }: Pick<Identity, 'level' | 'agent_id' | 'delegation'>,
  user_id: string | undefined,
): Requester {
  return {
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(agent_id === undefined || level === 'issued' ? {} : { claimed: true as const }),
    ...(delegation.length === 0 ? {} : { delegation: delegation.map((hand) => hand.agent_id) }),
    ...(user_id === undefined ? {} : { user_id }),
  };
}

function killsFor(state: KillState, scopes: () => readonly string[]): Pick<Governed, 'kill'> {
  const kill: KillRead[] = [];
  if (state.size === 0) return { kill };
  for (const scope of scopes()) {
    const found = state.get(scope);
    if (found !== undefined) kill.push({ scope, id: found.id });
  }
  return { kill };
}

/** When a call was put to a person that may go on now; folded time. */
function askedAt(state: GovernanceState, grant: Governed['grant']): number | undefined {
  if (grant?.status !== 'granted') return undefined;
  const approval = state.approvals.byId.get(grant.id);
  // Not as `timeAt` has it, for which nothing is in the past.
  return approval === undefined ? undefined : Date.parse(approval.requested_at) + state.time.shift;
}

function windowsFor(
  state: WindowsState,
  request: DecisionRequest,
  identity: Identity,
  principal: Principal | undefined,
  policy: PolicyInForce['compiled'],
  now: number,
  askedMs: number | undefined,
): Pick<Governed, 'windows'> {
  const call = countedOf(request, { identity, ...(principal === undefined ? {} : { principal }) });
  const asked = windowsOf(policy, call);
  if (asked.length === 0) return {};
  const subjects = subjectsOf(call);
  const windows: { [key: string]: WindowRead } = {};
  for (const { key, subject, rate } of asked) {
    const kind = SUBJECT_KINDS[subjects.indexOf(subject)] ?? 'global';
    const read = readWindow(state, kind, subject, rate, now, askedMs);
    windows[key] = joined(windows[key], read);
  }
  return { windows };
}

/** Two rates of one length over the same calls: what answers both. */
function joined(a: WindowRead | undefined, b: WindowRead): WindowRead {
  if (a === undefined) return b;
  const free = Math.max(a.free_in_ms ?? 0, b.free_in_ms ?? 0);
  return { count: Math.max(a.count, b.count), ...(free === 0 ? {} : { free_in_ms: free }) };
}

/**
 * Takes over the windows of a state that was folded from the same log for wider needs. Both run by their own time, which
 * differ where one of them began in the middle of the log.
 */
export function takeWindows(state: GovernanceState, from: GovernanceState): void {
  const shift = state.time.shift - from.time.shift;
  if (shift !== 0)
    for (const kind of SUBJECT_KINDS)
      for (const times of from.windows.times[kind].values())
        for (let i = 0; i < times.length; i++) times[i] = (times[i] ?? 0) + shift;
  state.windows = from.windows;
}
