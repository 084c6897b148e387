/** Requests about agents and their tokens. All but the listing are the operator's: the caller has checked that. */
import { TallyError } from '../core/error.ts';
import { recordedBytes } from '../core/identity/delegation.ts';
import { listPage, listRows } from '../core/identity/list.ts';
import { mintToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledPolicy } from '../core/policy/compiled.ts';
import { userOf } from '../core/policy/principal.ts';
import type { Identity } from '../core/policy/types.ts';
import type { Random } from '../core/ports.ts';
import { doneFor, operatorEvent } from './asked.ts';
import { requireKept, requireKeptBounds } from './kept.ts';
import type { Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export function agentHandlers(
  recorder: LocalRecorder,
  random: Random,
): Pick<Handlers, 'agent.register' | 'token.issue' | 'token.revoke' | 'agent.list'> {
  return {
    async 'agent.register'({ agent_id, description }, client) {
      requireKept('agent', agent_id);
      const metadata = { agent_id, ...(description === undefined ? {} : { description }) };
      const { id } = await recorder.record(
        operatorEvent('agent.register', client, metadata),
        doneFor(client),
      );
      return { agent_id, id };
    },
    async 'token.issue'(params, client) {
      const { agent_id, expires_in_s, ...rest } = params;
      const { agents } = recorder.registry.current();
      if (!agents.has(agent_id)) {
        throw new TallyError('NOT_FOUND', `no agent is registered as ${agent_id}`, {
          hint: `tally agent register ${agent_id}`,
        });
      }
      requireUser(recorder.policy().compiled, params.user_id);
      requireKeptBounds(params);
      requireShort({ level: 'issued', ...bounds(params) });
      const token = mintToken('agent', random(TOKEN_RANDOM_BYTES), recorder.now());
      const expires =
        expires_in_s === undefined
          ? {}
          : { expires_at: new Date(recorder.now() + expires_in_s * 1000).toISOString() };
      const metadata = {
        kind: 'agent',
        agent_id,
        token_id: token.id,
        token_hash: token.hash,
        ...rest,
        ...expires,
      };
      const { id } = await recorder.record(operatorEvent('token.issue', client, metadata), doneFor(client));
      const noUser = params.user_id === undefined && recorder.policy().compiled.users !== undefined;
      return {
        token_id: token.id,
        token: token.token,
        ...expires,
        ...(noUser ? { no_user: true } : {}),
        id,
      };
    },
    async 'token.revoke'({ token_id, reason }, client) {
      if (!recorder.registry.current().tokens.has(token_id)) {
        throw new TallyError('NOT_FOUND', `no token has the id ${token_id}`, { hint: 'tally agent list' });
      }
      const event = operatorEvent('token.revoke', client, { token_id });
      const { id } = await recorder.record(
        reason === undefined ? event : { ...event, reason },
        doneFor(client),
      );
      return { token_id, id };
    },
    async 'agent.list'({ after, ...wanted }) {
      const rows = listRows(recorder.registry.current(), recorder.now(), wanted, after);
      return listPage(rows, LIMITS.listedBytes);
    },
  };
}

/** A name that is misspelt would make a token whose every call is stopped. */
export function requireUser(policy: CompiledPolicy, userId: string | undefined): void {
  requireKept('user', userId);
  if (userId === undefined || policy.users === undefined || userOf(policy, userId) !== undefined) return;
  throw new TallyError('NOT_FOUND', `the policy in force names no user ${userId}`, {
    hint: 'add the user under `users:` in the policy file; `tally policy check` tells whether it is good',
  });
}

function bounds({ agent_id, user_id, scopes, contract }: OpParams<'token.issue'>): Omit<Identity, 'level'> {
  return {
    agent_id,
    ...(user_id === undefined ? {} : { user_id }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(contract === undefined ? {} : { contract }),
  };
}

function requireShort(identity: Identity): void {
  if (recordedBytes(identity) <= LIMITS.identityBytes) return;
  throw new TallyError(
    'USAGE',
    `the scopes and names of this token take more than ${LIMITS.identityBytes} bytes, and each is in the record of every call`,
    { hint: 'use scopes and names that end in "*", or issue two tokens' },
  );
}
