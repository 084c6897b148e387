/** Requests about agents and their tokens. All but the listing are the operator's: the caller has checked that. */
import { TallyError } from '../core/error.ts';
import { listAgents, listTokens } from '../core/identity/list.ts';
import { mintToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import type { Random } from '../core/ports.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export function agentHandlers(
  recorder: LocalRecorder,
  random: Random,
): Pick<Handlers, 'agent.register' | 'token.issue' | 'token.revoke' | 'agent.list'> {
  return {
    async 'agent.register'({ agent_id, description }, client) {
      const metadata = { agent_id, ...(description === undefined ? {} : { description }) };
      const { id } = await recorder.record(
        operatorEvent('agent.register', client, metadata),
        doneFor(client),
      );
      return { agent_id, id };
    },
    async 'token.issue'(params, client) {
      const { agent_id, expires_in_s, ...rest } = params;
      if (
        !listAgents(recorder.registry.current(), recorder.now()).some((agent) => agent.agent_id === agent_id)
      ) {
        throw new TallyError('NOT_FOUND', `no agent is registered as ${agent_id}`, {
          hint: `tally agent register ${agent_id}`,
        });
      }
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
      return { token_id: token.id, token: token.token, ...expires, id };
    },
    async 'token.revoke'({ token_id, reason }, client) {
      const tokens = listTokens(recorder.registry.current(), recorder.now());
      if (!tokens.some((token) => token.token_id === token_id)) {
        throw new TallyError('NOT_FOUND', `no token has the id ${token_id}`, { hint: 'tally agent list' });
      }
      const event = operatorEvent('token.revoke', client, { token_id });
      const { id } = await recorder.record(
        reason === undefined ? event : { ...event, reason },
        doneFor(client),
      );
      return { token_id, id };
    },
    async 'agent.list'() {
      const state = recorder.registry.current();
      const now = recorder.now();
      return {
        agents: listAgents(state, now),
        tokens: listTokens(state, now).filter(({ kind }) => kind === 'agent'),
      };
    },
  };
}
