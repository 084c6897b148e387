/** agentpatterns' audit events: a record before an action and one after it. spec/views.md section 4. */
import type { JsonObject } from '../json.ts';
import type { Call } from '../query/call.ts';
import { field, textAt } from '../query/fields.ts';
import { actorOf, ofCall, text } from './parts.ts';
import { orNull, type View, type ViewInput } from './view.ts';

type Phase = 'pre_exec' | 'post_exec';

/**
 * The format has two phases. An entry that stands alone is the record after its action when it tells how that ended, and
 * the one before it when it tells a decision; anything else is no step of an agent.
 */
function phaseOf(entry: JsonObject): Phase | undefined {
  const phase = textAt(entry, 'phase');
  if (phase === 'pre_exec' || phase === 'post_exec') return phase;
  if (phase !== 'point') return undefined;
  if (textAt(entry, 'decision', 'outcome') !== undefined && field(entry, 'outcome') === undefined)
    return 'pre_exec';
  return field(entry, 'action') !== undefined && textAt(entry, 'outcome', 'status') !== undefined
    ? 'post_exec'
    : undefined;
}

/** `call`: what the pair says together; a post_exec does not repeat the decision. */
function record(entry: JsonObject, phase: Phase, call: Call): JsonObject {
  const own = (...path: readonly string[]): string | undefined =>
    textAt(entry, ...path) ?? ofCall(call, text(...path));
  return {
    run_id: orNull(own('run_id')),
    step_id: orNull(own('step_id')),
    tenant_id: orNull(own('tenant_id')),
    action: orNull(own('action', 'name')),
    action_key: orNull(own('action', 'key')),
    timestamp: orNull(textAt(entry, 'ts')),
    phase,
    decision: orNull(own('decision', 'outcome')),
    reason: orNull(own('decision', 'reason')),
    args_hash: orNull(own('action', 'args_hash')),
    result: orNull(textAt(entry, 'outcome', 'status')),
    actor: orNull(actorOf(call)),
    scope: orNull(own('action', 'scope')),
    layer: orNull(own('decision', 'layer')),
  };
}

export const agentpatterns: View = {
  // biome-ignore format: the order of the format
  fields: [
    'run_id', 'step_id', 'tenant_id', 'action', 'action_key', 'timestamp', 'phase', 'decision', 'reason', 'args_hash',
    'result', 'actor', 'scope', 'layer',
  ],
  perCall: false,
  wantsAllowlist: false,
  records: (call: ViewInput) =>
    [call.first, call.last].flatMap((entry) => {
      const phase = entry === undefined ? undefined : phaseOf(entry);
      return entry === undefined || phase === undefined ? [] : [record(entry, phase, call)];
    }),
};
