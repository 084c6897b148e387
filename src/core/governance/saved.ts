/** The state of decisions as plain JSON, beside the registry. A cache: losing it costs time at the next start. */
import { z } from 'zod';
import type { Json } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { type Approval, approvalKeyOf } from './approvals.ts';
import type { BudgetState } from './budgets.ts';
import { type Needs, noNeeds, SUBJECT_KINDS, type SubjectKind } from './needs.ts';
import { emptyGovernance, type GovernanceState } from './state.ts';
import { emptyWindows } from './windows.ts';

const text = z.string();
const count = z.int().nonnegative();
const need = z.strictObject({ ms: count, count });
/** One text for each kind: half a million numbers are written and read ten times as fast in one go. */
const calls = text;
const CallsSchema = z.array(z.tuple([text, z.array(z.number())]));

const ApprovalSchema = z.strictObject({
  id: text,
  index: count,
  status: z.enum(['pending', 'granted', 'denied', 'expired', 'used']),
  action: text,
  action_key: text,
  args_hash: text.exactOptional(),
  args_hash_alg: text.exactOptional(),
  policy_hash: text,
  requester: z.strictObject({
    agent_id: text.exactOptional(),
    claimed: z.literal(true).exactOptional(),
    delegation: z.array(text).exactOptional(),
    user_id: text.exactOptional(),
  }),
  run_id: text.exactOptional(),
  parent_id: text.exactOptional(),
  approvers: z.array(text),
  ttl_ms: count,
  requested_at: text,
  expires_at: text,
  expires: z.number(),
  approver: text.exactOptional(),
  approved_at: text.exactOptional(),
  answer_reason: text.exactOptional(),
  told: z.literal(true).exactOptional(),
});

export const SavedGovernanceSchema = z.strictObject({
  size: count,
  time: z.strictObject({ shift: z.number(), floor: z.number() }),
  kill: z.array(
    z.strictObject({
      scope: text,
      id: text,
      since: text,
      reason: text.exactOptional(),
      by: text.exactOptional(),
    }),
  ),
  needs: z.strictObject({ user: need, agent: need, tenant: need, global: need, tool: need }),
  calls: z.strictObject({ user: calls, agent: calls, tenant: calls, global: calls, tool: calls }),
  runs: z.array(
    z.strictObject({
      run: text,
      begun: z.literal(true).exactOptional(),
      within: text.exactOptional(),
      started: z.number(),
      steps: count,
      tool_calls: count,
      usd: z.number().nonnegative(),
      actions: z.array(z.tuple([text, count])),
    }),
  ),
  approvals: z.array(ApprovalSchema),
});
export type SavedGovernance = z.infer<typeof SavedGovernanceSchema>;

type Calls = readonly (readonly [string, readonly number[]])[];

/** What no window of the present needs reaches is left out. */
function recentCalls(state: GovernanceState, kind: SubjectKind): Calls {
  const { ms } = state.windows.needs[kind];
  const since = state.time.floor - ms;
  return [...state.windows.times[kind]].flatMap(([subject, times]) => {
    const recent = times.filter((at) => at > since);
    return recent.length === 0 ? [] : [[subject, recent] as const];
  });
}

const NO_CALLS: Readonly<Record<SubjectKind, string>> = {
  user: '[]',
  agent: '[]',
  tenant: '[]',
  global: '[]',
  tool: '[]',
};

/** Undefined: too many. Writing them would hold up the appends for longer than reading the log does at the next start. */
function savedCalls(state: GovernanceState): typeof NO_CALLS | undefined {
  let many = 0;
  const texts = SUBJECT_KINDS.map((kind) => {
    const found = recentCalls(state, kind);
    for (const [, times] of found) many += times.length + 1;
    return [kind, many > LIMITS.savedCalls ? '' : JSON.stringify(found)] as const;
  });
  return many > LIMITS.savedCalls ? undefined : (Object.fromEntries(texts) as typeof NO_CALLS);
}

const savedRuns = (uses: BudgetState['begun']) =>
  [...uses].map(([run, use]) => ({ ...use, run, actions: [...use.actions] as Json }));

export function saveGovernance(state: GovernanceState): Json {
  const found = savedCalls(state);
  return {
    size: state.size,
    time: { ...state.time },
    kill: [...state.kill.values()].map((one) => ({ ...one })),
    needs: (found === undefined ? noNeeds() : state.windows.needs) as unknown as Json,
    calls: { ...(found ?? NO_CALLS) },
    runs: [
      ...savedRuns(state.budgets.begun).map((one) => ({ ...one, begun: true })),
      ...savedRuns(state.budgets.named),
    ],
    approvals: [...state.approvals.byId.values()].map((one) => ({ ...one }) as unknown as Json),
  };
}

function callsOf(saved: string): z.infer<typeof CallsSchema> | undefined {
  try {
    return CallsSchema.safeParse(JSON.parse(saved)).data;
  } catch {
    // Any damage has the same answer as no file at all.
    return undefined;
  }
}

export function openGovernance(saved: SavedGovernance): GovernanceState {
  const state = emptyGovernance(saved.needs as Needs);
  state.size = saved.size;
  Object.assign(state.time, saved.time);
  for (const one of saved.kill) state.kill.set(one.scope, one);
  for (const kind of SUBJECT_KINDS) {
    const found = callsOf(saved.calls[kind]);
    // Nothing is kept then, and whoever needs more reads the log.
    if (found === undefined) {
      state.windows = emptyWindows();
      break;
    }
    for (const [subject, times] of found) state.windows.times[kind].set(subject, times);
  }
  for (const { run, begun, actions, ...use } of saved.runs)
    (begun === true ? state.budgets.begun : state.budgets.named).set(run, {
      ...use,
      actions: new Map(actions),
    });
  for (const one of saved.approvals) {
    const approval: Approval = one;
    state.approvals.byId.set(approval.id, approval);
    state.approvals.newest.set(approvalKeyOf(approval), approval.id);
  }
  return state;
}
