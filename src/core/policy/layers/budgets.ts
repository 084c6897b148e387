/** What a run may use in all, and how often it may do the very same thing. */
import { fail, type Layer, type LayerAnswer, PASS, SKIP } from '../layer.ts';
import type { ReasonCode } from '../reasons.ts';
import { runOf } from '../subject.ts';

const used = (reason: ReasonCode, most: number, what: string): LayerAnswer =>
  fail(reason, `the run has used its ${most} ${what}`);

export const budgetsLayer: Layer = {
  name: 'budgets',
  evaluate({ request, inputs: { identity, budget }, policy: { budgets } }) {
    if (budgets === undefined) return SKIP;
    const run = runOf(request, identity);
    if (run === undefined) return SKIP;
    if (budget === undefined)
      return fail('inputs_missing', 'what the run has used so far was not read for this call');
    const { max_steps, max_seconds, max_tool_calls, max_usd, max_repeat_action } = budgets;
    if (max_steps !== undefined && budget.steps >= max_steps) return used('max_steps', max_steps, 'steps');
    if (max_seconds !== undefined && budget.elapsed_ms >= max_seconds * 1000)
      return used('max_seconds', max_seconds, 'seconds');
    if (max_tool_calls !== undefined && budget.tool_calls >= max_tool_calls)
      return used('max_tool_calls', max_tool_calls, 'tool calls');
    if (max_usd !== undefined && budget.usd >= max_usd) return used('max_usd', max_usd, 'US dollars');
    if (max_repeat_action !== undefined && budget.repeats >= max_repeat_action)
      return fail(
        'loop_detected',
        `the run has done this very action ${budget.repeats} times, and ${max_repeat_action} are the most`,
      );
    return PASS;
  },
};
