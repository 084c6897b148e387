/** SecretSpec's audit log: one record an access to a secret. spec/import.md section 4. */
import { type Actor, SecretAccessSchema } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { booleanAt, field, listAt, textAt } from '../query/fields.ts';
import { withoutUserinfo } from '../view/secretspec.ts';
import type { Decoder } from './decoder.ts';
import { idAt, oneOf, othersThan, present, timeOf } from './values.ts';

const USED: ReadonlySet<string> = new Set([
  'id',
  'ts',
  'session_id',
  'action',
  'project',
  'profile',
  'key',
  'keys',
  'command',
  'provider',
  'ref',
  'outcome',
  'error_kind',
  'reason',
  'caller',
  'actor',
]);
const { operation: OPERATION, found: FOUND } = SecretAccessSchema.shape;
const OPERATIONS = OPERATION.options;
const FOUNDS = FOUND.unwrap().options;

export function secretspecDecoder(): Decoder {
  return {
    unpaired: () => 0,
    decode({ value }) {
      const action = idAt(value, 'action');
      if (action === undefined) return { refused: 'action: missing, or longer than an id' };
      const operation = oneOf(action, OPERATIONS);
      const found = oneOf(value.outcome, FOUNDS);
      const caller = field(value, 'caller');
      return {
        drafts: [
          {
            part: 0,
            ts: timeOf(value.ts),
            sourceId: textAt(value, 'id'),
            event: {
              type: 'secret.access',
              phase: 'point',
              ...present({
                session_id: idAt(value, 'session_id'),
                project_id: idAt(value, 'project'),
                reason: textAt(value, 'reason'),
              }),
              actor: actorOf(value),
              action: { name: `secret.${action}`.slice(0, LIMITS.idChars) },
              ...(operation === undefined
                ? {}
                : { secret: { operation, ...secretOf(value), ...present({ found }) } }),
              outcome: {
                status:
                  found === 'error' || found === 'missing' ? 'error' : found === 'started' ? 'started' : 'ok',
                ...present({ error_kind: textAt(value, 'error_kind') }),
              },
            },
            fields: present({
              ...othersThan(value, USED),
              ...(found === undefined || operation === undefined ? { outcome: value.outcome } : {}),
              // Newer versions do more than entries have words for.
              ...(operation === undefined ? { action, ...secretOf(value) } : {}),
            }),
            metadata: caller === undefined || caller === null ? {} : { caller },
          },
        ],
      };
    },
  };
}

function actorOf(value: JsonObject): Actor {
  const user = idAt(value, 'actor', 'user');
  return present({
    user: user === undefined ? undefined : { id: user },
    agent_id: idAt(value, 'actor', 'agent'),
    is_agent: booleanAt(value, 'actor', 'is_agent'),
  });
}

/** Of a command its program alone, and of an address what is no credential: both may carry secrets. */
function secretOf(value: JsonObject): JsonObject {
  const keys = listAt(value, 'keys').filter((key) => typeof key === 'string');
  const address = (name: string): string | undefined => {
    const text = textAt(value, name);
    return text === undefined ? undefined : withoutUserinfo(text);
  };
  return present({
    key: idAt(value, 'key'),
    keys: keys.length === 0 ? undefined : keys,
    profile: textAt(value, 'profile'),
    command: textAt(value, 'command')?.trim().split(/\s+/, 1)[0]?.slice(0, LIMITS.idChars),
    provider: address('provider'),
    ref: address('ref'),
  }) as JsonObject;
}
