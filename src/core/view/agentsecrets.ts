/** AgentSecrets' governance log: one flat record a call through the broker. spec/views.md section 2. */
import type { JsonObject } from '../json.ts';
import { numberAt, textAt } from '../query/fields.ts';
import { boolean, errorOf, number, ofCall, ofCredentials, ofEnd, text, urlOf } from './parts.ts';
import { orNull, type View, type ViewInput } from './view.ts';

/** The format knows three; an owner may all that its admin may, and an auditor calls nothing. */
const ROLES: Readonly<Record<string, string>> = {
  owner: 'admin',
  admin: 'admin',
  member: 'member',
  service: 'service',
};

function roleOf(entry: JsonObject): string | undefined {
  const role = textAt(entry, 'actor', 'role');
  return role !== undefined && Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
}

function record(call: ViewInput): JsonObject {
  const { allowlist } = call;
  return {
    id: orNull(textAt(call.first, 'id')),
    timestamp: orNull(textAt(call.first, 'ts')),
    workspace_id: orNull(ofCall(call, text('tenant_id'))),
    project_id: orNull(ofCall(call, text('project_id'))),
    agent_id: orNull(ofCall(call, text('actor', 'agent_id'))),
    agent_token_id: orNull(ofCall(call, text('actor', 'agent_token_id'))),
    identity_level: orNull(ofCall(call, text('actor', 'identity_level'))),
    credential_ref: orNull(ofCredentials(call, 'ref')),
    injection_style: orNull(ofCredentials(call, 'injection_style')),
    target_domain: orNull(ofCall(call, text('action', 'target', 'host'))),
    target_url: orNull(ofCall(call, urlOf)),
    method: orNull(ofCall(call, text('action', 'target', 'method'))),
    status_code: orNull(ofEnd(call, (entry) => numberAt(entry, 'outcome', 'status_code'))),
    duration_ms: orNull(ofEnd(call, number('outcome', 'duration_ms'))),
    redacted: orNull(ofEnd(call, boolean('outcome', 'redacted'))),
    resolution_path: orNull(ofCredentials(call, 'resolution_path')),
    allowlist_snapshot:
      allowlist === undefined
        ? null
        : { domains: [...allowlist.domains], captured_at: allowlist.captured_at },
    caller_role: orNull(ofCall(call, roleOf)),
    error: orNull(errorOf(call)),
  };
}

export const agentsecrets: View = {
  // biome-ignore format: the order of the format, a line a family
  fields: [
    'id', 'timestamp', 'workspace_id', 'project_id', 'agent_id', 'agent_token_id', 'identity_level',
    'credential_ref', 'injection_style', 'target_domain', 'target_url', 'method', 'status_code', 'duration_ms',
    'redacted', 'resolution_path', 'allowlist_snapshot', 'caller_role', 'error',
  ],
  perCall: true,
  wantsAllowlist: true,
  records: (call) => (textAt(call.first, 'type') === 'http.call' ? [record(call)] : []),
};
