/** SecretSpec's audit log: one record an access to a secret. spec/views.md section 3. */
import type { Json, JsonObject } from '../json.ts';
import { field, listAt, textAt } from '../query/fields.ts';
import { boolean, number, ofCall, ofEnd, text } from './parts.ts';
import { present, type View, type ViewInput } from './view.ts';

const VERSION = 1;

/** What served the access is known when it is over. */
function ofSecret(call: ViewInput, member: string): string | undefined {
  return ofEnd(call, text('secret', member)) ?? ofCall(call, text('secret', member));
}

function keysOf(call: ViewInput): Json[] | undefined {
  return ofCall(call, (entry) => {
    const keys = listAt(entry, 'secret', 'keys').filter((key) => typeof key === 'string');
    return keys.length === 0 ? undefined : keys;
  });
}

/** `scheme://user:secret@host` → `scheme://host`: providers may carry credentials where a user name stands. */
export function withoutUserinfo(uri: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/)?/.exec(uri)?.[0];
  if (scheme === undefined) return uri;
  const rest = uri.slice(scheme.length);
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? '';
  const at = authority.lastIndexOf('@');
  return at === -1 ? uri : scheme + rest.slice(at + 1);
}

function outcomeOf(call: ViewInput): string | undefined {
  const found = ofEnd(call, text('secret', 'found'));
  if (found !== undefined) return found;
  const status = ofEnd(call, text('outcome', 'status'));
  return status === 'error' || status === 'blocked' || status === 'timeout' || status === 'aborted'
    ? 'error'
    : undefined;
}

/** A short tag: what the outcome says, else the code for which it was stopped, else the status. */
function errorKindOf(call: ViewInput): string | undefined {
  const kind = ofEnd(call, text('outcome', 'error_kind'));
  if (kind !== undefined) return kind;
  const status = ofEnd(call, text('outcome', 'status'));
  if (status === 'blocked') return ofCall(call, text('decision', 'reason')) ?? status;
  return status === 'ok' ? undefined : status;
}

function record(call: ViewInput): JsonObject {
  const outcome = outcomeOf(call);
  const key = ofSecret(call, 'key');
  const provider = ofSecret(call, 'provider');
  const ref = ofSecret(call, 'ref');
  return present({
    v: VERSION,
    id: textAt(call.first, 'id'),
    ts: textAt(call.first, 'ts'),
    session_id: ofCall(call, text('session_id')) ?? ofCall(call, text('source', 'recorder_id')),
    seq: ofCall(call, number('source', 'seq')),
    action: ofSecret(call, 'operation'),
    project: ofCall(call, text('project_id')),
    profile: ofSecret(call, 'profile'),
    key,
    keys: key === undefined ? keysOf(call) : undefined,
    command: ofSecret(call, 'command'),
    provider: provider === undefined ? undefined : withoutUserinfo(provider),
    ref: ref === undefined ? undefined : withoutUserinfo(ref),
    outcome,
    error_kind: outcome === 'error' ? errorKindOf(call) : undefined,
    reason: ofCall(call, text('reason')),
    caller: ofCall(call, (entry) => field(entry, 'metadata', 'caller')),
    actor: present({
      user: ofCall(call, text('actor', 'user', 'id')) ?? ofCall(call, text('actor', 'os', 'user')),
      agent: ofCall(call, text('actor', 'detected', 'agent')) ?? ofCall(call, text('actor', 'agent_id')),
      is_agent: ofCall(call, boolean('actor', 'is_agent')),
    }),
    version: ofCall(call, text('source', 'recorder_version')),
  });
}

export const secretspec: View = {
  // biome-ignore format: the order of the format
  fields: [
    'v', 'id', 'ts', 'session_id', 'seq', 'action', 'project', 'profile', 'key', 'keys', 'command', 'provider', 'ref',
    'outcome', 'error_kind', 'reason', 'caller', 'actor', 'version',
  ],
  perCall: true,
  wantsAllowlist: false,
  records: (call) => (textAt(call.first, 'type') === 'secret.access' ? [record(call)] : []),
};
