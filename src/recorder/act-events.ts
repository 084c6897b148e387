/** What a request about an action becomes: what is decided on, its entries, and what its asker is told. */
import type { Decision, Event } from '../core/entry.ts';
import type { DecisionRequest, Identity } from '../core/policy/types.ts';
import { oneToolName } from '../core/tool-name.ts';
import type { ToldDecision } from './act-ops.ts';
import { actorOf, said } from './asked.ts';
import { checkedFor } from './asking.ts';
import type { Client, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export function requestOf(
  recorder: LocalRecorder,
  { run_id, project_id, environment }: Identity,
  { action, args, args_partial, credentials = [], reason }: OpParams<'act.begin'>,
): DecisionRequest {
  const { name, tool, target, tier, capability } = action;
  return {
    tenant_id: recorder.tenant,
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
    ...(run_id === undefined ? {} : { run_id }),
    action: {
      name: oneToolName(name),
      ...(tool === undefined ? {} : { tool: { name: oneToolName(tool.name) } }),
      ...(target === undefined ? {} : { target }),
      ...(tier === undefined ? {} : { tier }),
      ...(capability === undefined ? {} : { capability }),
    },
    ...(args === undefined
      ? {}
      : { args: args_partial === true ? ('streamed' as const) : ('whole' as const) }),
    ...(reason === undefined ? {} : { reason_given: true }),
    credentials,
  };
}

export function eventOf(
  recorder: LocalRecorder,
  asker: Client,
  identity: Identity,
  { type, action, step_id, session_id, parent_id, reason, trace, risk, metadata }: OpParams<'act.begin'>,
): Event {
  const client: Client = { ...asker, checked: checkedFor(recorder, identity) };
  return {
    type,
    phase: 'pre_exec',
    step_id,
    ...(session_id === undefined ? {} : { session_id }),
    ...(parent_id === undefined ? {} : { parent_id }),
    ...(reason === undefined ? {} : { reason }),
    ...(trace === undefined ? {} : { trace }),
    ...(risk === undefined ? {} : { risk }),
    ...(metadata === undefined ? {} : { metadata }),
    actor: actorOf(client),
    quality: said(client),
    action: { name: action.name, ...(action.tool === undefined ? {} : { tool: action.tool }) },
  };
}

export function toldOf({
  outcome,
  reason,
  message,
  layer,
  rule,
  enforced,
  retry_after_ms,
}: Decision): ToldDecision {
  const told = { outcome, reason, message, layer, rule, enforced, retry_after_ms };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)) as ToldDecision;
}
