/**
 * What each run has used: every action that was let through is a step, those of a tool are tool calls too, and what
 * answers say they cost adds up. Costs are what producers report; nobody here can check them.
 *
 * A run that was started in another one uses up that one's budget, and has none of its own: whoever is in a run may
 * start as many as they like. Of several around it the outermost has used the most, so it alone is counted.
 */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { BudgetRead } from '../policy/types.ts';
import { field, numberAt, textAt } from '../query/fields.ts';

export interface RunUse {
  /** Folded time of its beginning. */
  readonly started: number;
  /** The outermost run around it, which is counted in its place. */
  readonly within?: string;
  steps: number;
  tool_calls: number;
  usd: number;
  /** Times that each action was let through, by action.key; the least recent first. */
  readonly actions: Map<string, number>;
}

type Uses = Map<string, RunUse>;

/** By run, the least recently heard of first. */
export interface BudgetState {
  /** Those that were started on the record. */
  readonly begun: Uses;
  /** Names that callers group their calls by. Apart, because inventing names must not make us forget a run. */
  readonly named: Uses;
}

export const emptyBudgets = (): BudgetState => ({ begun: new Map(), named: new Map() });

const MOST_USD = 1e12;

function put(uses: Uses, runId: string, run: RunUse): RunUse {
  uses.delete(runId);
  uses.set(runId, run);
  if (uses.size > LIMITS.budgetRuns) {
    const oldest = uses.keys().next();
    if (!oldest.done) uses.delete(oldest.value);
  }
  return run;
}

const unused = (started: number): RunUse => ({
  started,
  steps: 0,
  tool_calls: 0,
  usd: 0,
  actions: new Map(),
});

/** What is counted for this run, heard of now. */
function useOf({ begun, named }: BudgetState, runId: string, now: number): RunUse {
  const run = begun.get(runId);
  if (run === undefined) return put(named, runId, named.get(runId) ?? unused(now));
  put(begun, runId, run);
  return run.within === undefined ? run : put(begun, run.within, begun.get(run.within) ?? unused(now));
}

/** `metadata.within` is the run that it was started in; before that was said, a run could be `metadata.under` another. */
export function foldRunStart(state: BudgetState, entry: JsonObject, now: number): void {
  const runId = textAt(entry, 'run_id');
  if (runId === undefined || state.begun.has(runId)) return;
  const under = textAt(entry, 'metadata', 'under');
  const around =
    textAt(entry, 'metadata', 'within') ??
    (under !== undefined && state.begun.has(under) ? under : undefined);
  const within = around === undefined ? undefined : (state.begun.get(around)?.within ?? around);
  put(state.begun, runId, { ...unused(now), ...(within === undefined ? {} : { within }) });
  useOf(state, runId, now);
}

/** An action that was let through. */
export function foldStep(state: BudgetState, entry: JsonObject, now: number): void {
  const runId = textAt(entry, 'run_id');
  if (runId === undefined) return;
  const run = useOf(state, runId, now);
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
  // Whoever only says that it is of a run that others started must not use up their money.
  if (textAt(entry, 'quality', 'run_id') !== undefined && state.begun.has(runId)) return;
  const run = useOf(state, runId, now);
  run.usd = Math.min(MOST_USD, run.usd + usd);
}

export function readBudget(
  state: BudgetState,
  runId: string,
  actionKey: string | undefined,
  now: number,
): BudgetRead {
  const counted = state.begun.get(runId)?.within ?? runId;
  const run = state.begun.get(counted) ?? state.named.get(counted);
  return {
    steps: run?.steps ?? 0,
    elapsed_ms: run === undefined ? 0 : Math.max(0, Math.round(now - run.started)),
    tool_calls: run?.tool_calls ?? 0,
    // Sums of decimal fractions: what no price list writes is noise.
    usd: Math.round((run?.usd ?? 0) * 1e9) / 1e9,
    repeats: actionKey === undefined ? 0 : (run?.actions.get(actionKey) ?? 0),
  };
}
