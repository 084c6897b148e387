/** The columns of a CSV without a view: one line a row of the log, in the words of `tally log list --json`'s filters. */
import type { JsonObject } from '../json.ts';
import { type Call, factsOf } from '../query/call.ts';
import { numberAt } from '../query/fields.ts';
import { classify } from '../query/kind.ts';
import { boolean, ofCall, ofEnd, text } from './parts.ts';
import { present } from './view.ts';

// biome-ignore format: a line a family
export const PLAIN_COLUMNS = [
  'index', 'end_index', 'id', 'ts', 'type', 'kind', 'what',
  'agent', 'identity', 'token', 'user', 'on_behalf_of', 'run', 'step', 'session', 'tenant', 'project', 'environment',
  'action', 'tool', 'method', 'host', 'credentials',
  'decision', 'reason_code', 'layer', 'enforced',
  'status', 'status_code', 'duration_ms', 'redacted', 'error',
  'reason', 'surface', 'assurance',
] as const;

export function plainRecord(call: Call): JsonObject {
  const facts = factsOf(call);
  return present({
    index: facts.index,
    end_index: call.last === undefined ? undefined : numberAt(call.last, 'index'),
    id: facts.id,
    ts: facts.ts,
    type: facts.type,
    kind: classify(facts, call.last !== undefined),
    what: facts.subject,
    agent: facts.agent,
    identity: facts.identity,
    token: facts.token,
    user: facts.user,
    on_behalf_of: facts.onBehalfOf,
    run: facts.run,
    step: facts.step,
    session: facts.session,
    tenant: facts.tenant,
    project: facts.project,
    environment: facts.environment,
    action: facts.action,
    tool: facts.tool,
    method: facts.method,
    host: facts.host,
    credentials: facts.credentials.length === 0 ? undefined : facts.credentials.join(','),
    decision: facts.decision,
    reason_code: facts.reasonCode,
    layer: facts.layer,
    enforced: ofCall(call, boolean('decision', 'enforced')),
    status: facts.status,
    status_code: facts.statusCode,
    duration_ms: facts.durationMs,
    redacted: ofEnd(call, boolean('outcome', 'redacted')),
    error: ofEnd(call, text('outcome', 'error')) ?? ofEnd(call, text('outcome', 'error_kind')),
    reason: ofCall(call, text('reason')),
    surface: facts.surface,
    assurance: facts.assurance,
  });
}
