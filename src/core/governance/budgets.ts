/**
 * What each run has used: every action that was let through is a step, those of a tool are tool calls too, and what
 * answers say they cost adds up. Costs are what producers report; nobody here can check them.
 */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { BudgetRead } from '../policy/types.ts';
import { field, numberAt, textAt } from '../query/fields.ts';

export interface RunUse {
  /** Folded time of its beginning. */
  readonly started: number;
  steps: number;
  tool_calls: number;
  usd: number;
  /** Times that each action was let through, by action.key; the least recent first. */
  readonly actions: Map<string, number>;
}

/** By run, the least recently heard of first. */
export type BudgetState = Map<string, RunUse>;

const MOST_USD = 1e12;

function runOf(state: BudgetState, runId: string, now: number): RunUse {
  const known = state.get(runId);
  const run = known ?? { started: now, steps: 0, tool_calls: 0, usd: 0, actions: new Map() };
  if (known !== undefined) state.delete(runId);
  state.set(runId, run);
  if (state.size > LIMITS.budgetRuns) {
    const oldest = state.keys().next();
    if (!oldest.done) state.delete(oldest.value);
  }
  return run;
}

export function foldRunStart(state: BudgetState, entry: JsonObject, now: number): void {
  const runId = textAt(entry, 'run_id');
  if (runId !== undefined) runOf(state, runId, now);
}

/** An action that was let through. */
export function foldStep(state: BudgetState, entry: JsonObject, now: number): void {
  const runId = textAt(entry, 'run_id');
  if (runId === undefined) return;
  const run = runOf(state, runId, now);
  run.steps++;
  if (field(entry, 'action', 'tool') !== undefined || textAt(entry, 'type') === 'tool.call') run.tool_calls++;
  const key = textAt(entry, 'action', 'key');
  if (key === undefined) return;
  const times = run.actions.get(key) ?? 0;
  run.actions.delete(key);
  run.actions.set(key, times + 1);
  if (run.actions.size > LIMITS.budgetActions) {
    const oldest = run.actions.keys().next();
    if (!oldest.done) run.actions.delete(oldest.value);
  }
}

export function foldCost(state: BudgetState, entry: JsonObject, now: number): void {
  const runId = textAt(entry, 'run_id');
  const usd = numberAt(entry, 'outcome', 'usage', 'cost_usd');
  if (runId === undefined || usd === undefined || !(usd > 0)) return;
  const run = runOf(state, runId, now);
  run.usd = Math.min(MOST_USD, run.usd + usd);
}

export function readBudget(
  state: BudgetState,
  runId: string,
  actionKey: string | undefined,
  now: number,
): BudgetRead {
  const run = state.get(runId);
  return {
    steps: run?.steps ?? 0,
    elapsed_ms: run === undefined ? 0 : Math.max(0, Math.round(now - run.started)),
    tool_calls: run?.tool_calls ?? 0,
    // Sums of decimal fractions: what no price list writes is noise.
    usd: Math.round((run?.usd ?? 0) * 1e9) / 1e9,
    repeats: actionKey === undefined ? 0 : (run?.actions.get(actionKey) ?? 0),
  };
}
