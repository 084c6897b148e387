/** agentlogsafe's event envelope, schema_version 1.0: one record an entry. spec/views.md section 5. */
import type { Json, JsonObject } from '../json.ts';
import { field, isObject, textAt } from '../query/fields.ts';
import { orNull, present, type View } from './view.ts';

const SCHEMA_VERSION = '1.0';

/** Types of entries that are one event of the format, whatever their phase. */
const EVENTS: Readonly<Record<string, string>> = {
  'run.start': 'run_start',
  'run.end': 'run_end',
  'user.message': 'user_message',
  'system.instruction': 'system_instruction',
  'model.response': 'model_response',
  'tool.result': 'tool_result',
  'retrieval.result': 'retrieval_result',
  'policy.check': 'policy_check',
  'approval.request': 'human_approval',
  'approval.grant': 'human_approval',
  'approval.deny': 'human_approval',
  'approval.expire': 'human_approval',
  'decision.made': 'decision',
  error: 'error',
};
/** Types whose post_exec is another event than their pre_exec. A call through the broker is a tool of the agent. */
const CALLS: Readonly<Record<string, readonly [before: string, after: string]>> = {
  'model.call': ['model_call', 'model_response'],
  'tool.call': ['tool_call', 'tool_result'],
  'http.call': ['tool_call', 'tool_result'],
  'retrieval.query': ['retrieval_query', 'retrieval_result'],
};
/** What an agent says of itself: the recorder's own types for these are for what it has seen. */
const TOLD: Readonly<Record<string, string>> = {
  'human.approval': 'human_approval',
  'agent.decision': 'decision',
};
/** What an entry says that the envelope has no member for. */
const PAYLOAD: readonly string[] = [
  'type',
  'phase',
  'actor',
  'action',
  'credentials',
  'decision',
  'outcome',
  'secret',
  'reason',
  'payload',
];

/** `custom` is the format's own word for what it has none for; the type is in the payload. */
function eventType(entry: JsonObject): string {
  const type = textAt(entry, 'type') ?? '';
  if (Object.hasOwn(EVENTS, type)) return EVENTS[type] ?? 'custom';
  const told = type === 'custom' ? (textAt(entry, 'action', 'name') ?? '') : '';
  if (Object.hasOwn(TOLD, told)) return TOLD[told] ?? 'custom';
  const pair = Object.hasOwn(CALLS, type) ? CALLS[type] : undefined;
  if (pair === undefined) return 'custom';
  return textAt(entry, 'phase') === 'post_exec' ? pair[1] : pair[0];
}

function toolOf(entry: JsonObject, event: string): string | undefined {
  const tool = textAt(entry, 'action', 'tool', 'name');
  if (tool !== undefined) return tool;
  return event === 'tool_call' || event === 'tool_result' ? textAt(entry, 'action', 'name') : undefined;
}

function objectAt(entry: JsonObject, member: string): Json {
  const value = field(entry, member);
  return isObject(value) ? value : {};
}

function record(entry: JsonObject): JsonObject {
  const event = eventType(entry);
  return {
    schema_version: SCHEMA_VERSION,
    event_id: orNull(textAt(entry, 'id')),
    run_id: orNull(textAt(entry, 'run_id')),
    event_type: event,
    timestamp: orNull(textAt(entry, 'ts')),
    agent_name: orNull(textAt(entry, 'actor', 'agent_id')),
    workflow_name: orNull(textAt(entry, 'metadata', 'workflow_name')),
    parent_event_id: orNull(textAt(entry, 'parent_id')),
    provider: orNull(textAt(entry, 'metadata', 'provider')),
    model: orNull(textAt(entry, 'metadata', 'model')),
    tool_name: orNull(toolOf(entry, event)),
    status: orNull(textAt(entry, 'outcome', 'status')),
    payload: present(Object.fromEntries(PAYLOAD.map((member) => [member, field(entry, member)]))),
    risk: objectAt(entry, 'risk'),
    metadata: objectAt(entry, 'metadata'),
  };
}

export const agentlogsafe: View = {
  // biome-ignore format: the order of the format
  fields: [
    'schema_version', 'event_id', 'run_id', 'event_type', 'timestamp', 'agent_name', 'workflow_name',
    'parent_event_id', 'provider', 'model', 'tool_name', 'status', 'payload', 'risk', 'metadata',
  ],
  perCall: false,
  wantsAllowlist: false,
  records: ({ first, last }) => (last === undefined ? [record(first)] : [record(first), record(last)]),
};
