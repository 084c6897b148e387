/**
 * Who asks the recorder for something. At a terminal of this machine it is its own user, whom nothing proves. A token of
 * a user in the client's hands says who it is, and what that user's role may ask is decided by the policy in force.
 */
import { mayAsk, OPERATOR_SCOPE, rolesFor } from '../core/identity/rights.ts';
import { actorFor, roleOf } from '../core/policy/principal.ts';
import type { Identity } from '../core/policy/types.ts';
import type { Checked, Client, Op } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

type Asked = Pick<LocalRecorder, 'identify' | 'principal' | 'policy'>;

export function checkedFor(recorder: Asked, identity: Identity): Checked {
  const principal = recorder.principal(identity);
  return {
    identity,
    ...(principal === undefined ? {} : { principal }),
    actor: actorFor(recorder.policy().compiled, identity, principal),
  };
}

/** The client with what its agent token proves. A token that is for no user says nothing of who asks. */
export function asking(recorder: Asked, client: Client): Client {
  const { checked: _said, ...rest } = client;
  if (client.agent_token === undefined) return rest;
  const identity = recorder.identify({ agent_token: client.agent_token });
  if (identity.failure === undefined && identity.user_id === undefined) return rest;
  return { ...rest, checked: checkedFor(recorder, identity) };
}

/** Why a token of a user may not ask for this; undefined when it may, and when the client brought none. */
export function roleRefusal(recorder: Asked, { checked }: Client, op: Op): string | undefined {
  if (checked === undefined || checked.identity.failure !== undefined) return undefined;
  const role = roleOf(recorder.policy().compiled, checked.principal);
  if (mayAsk(role, op)) return undefined;
  const who = `the user ${checked.identity.user_id} of this token has ${role === undefined ? 'no role here' : `the role ${role}`}`;
  return `${who}, and ${op} is for ${rolesFor(op).join(', ')}`;
}

/** The same for what only the operator may ask: an agent that works for an administrator is none. */
export function operatorRefusal(recorder: Asked, client: Client, op: Op): string | undefined {
  const { identity } = client.checked ?? {};
  if (identity === undefined) return undefined;
  if (identity.failure !== undefined) return `the token it was asked with is not good: ${identity.failure}`;
  if (identity.scopes?.includes(OPERATOR_SCOPE) !== true)
    return `it was asked with the token of an agent, without the scope ${OPERATOR_SCOPE}`;
  return roleRefusal(recorder, client, op);
}
