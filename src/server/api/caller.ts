/**
 * Who asks. A token is checked for each call; without one only processes of this recorder's own user are answered, and
 * they are anonymous. An operator's token opens what is the operator's, and is no agent's.
 */
import type { IncomingMessage } from 'node:http';
import type { Claims } from '../../recorder/api.ts';
import type { Client } from '../../recorder/ops.ts';
import { ApiError } from './reply.ts';

export interface Caller {
  /** The token that was presented, as the recorder checks it. */
  readonly claims: Pick<Claims, 'agent_token' | 'run_token'>;
  readonly operator?: string;
  /** A process of this recorder's own user. */
  readonly isOwn: boolean;
}

const MOST_CHARS = 512;

const CHALLENGE = { headers: { 'WWW-Authenticate': 'Bearer realm="tally"' } } as const;

/** Throws `ApiError`. */
export function callerOf(request: IncomingMessage, isOwn: boolean): Caller {
  const given = request.headersDistinct.authorization ?? [];
  if (given.length > 1)
    throw new ApiError(400, 'bad_request', 'there is more than one Authorization header', 'send one of them');
  const [header] = given;
  if (header === undefined) {
    if (isOwn) return { claims: {}, isOwn };
    throw new ApiError(
      401,
      'identity_missing',
      'the caller gave no token, and is not a process of the user whose recorder this is',
      'send Authorization: Bearer with a token of `tally agent token issue`',
      CHALLENGE,
    );
  }
  const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
  if (token === undefined || token.length > MOST_CHARS)
    throw new ApiError(
      401,
      'token_invalid',
      'the Authorization header holds no bearer token',
      HINT,
      CHALLENGE,
    );
  if (token.startsWith('opr_')) return { claims: {}, operator: token, isOwn };
  return { claims: token.startsWith('run_') ? { run_token: token } : { agent_token: token }, isOwn };
}

const HINT = 'send Authorization: Bearer with a token of `tally agent token issue`, or of `tally run`';

/** What the guard of the operator's requests is told. Nothing of it is taken from the caller but the token. */
export function clientOf(caller: Caller, self: { readonly user?: string; readonly uid?: number }): Client {
  return {
    surface: 'http',
    ...(caller.isOwn && self.uid !== undefined ? { uid: self.uid } : {}),
    ...(caller.isOwn && self.user !== undefined ? { user: self.user } : {}),
    ...caller.claims,
    ...(caller.operator === undefined ? {} : { operator_token: caller.operator }),
  };
}

/** What is not a caller of decisions at all: an operator acts as themselves, not as an agent. */
export function refuseOperator({ operator }: Caller): void {
  if (operator !== undefined)
    throw new ApiError(
      400,
      'bad_request',
      'an operator token asks for no decision',
      'use the token of an agent or a run, or none',
    );
}
