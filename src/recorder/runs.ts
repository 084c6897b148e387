/** Requests about runs: their beginning and end, and what a client reports of itself in between. */
import { TallyError } from '../core/error.ts';
import { mintToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/ports.ts';
import type { Claims } from './api.ts';
import { actorOf, doneFor, reportedBy, said, saidActor } from './asked.ts';
import type { Guard } from './guard.ts';
import type { Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

/** Types that only the recorder itself, or an operator's request, may write. */
const RESERVED =
  /^(policy|allowlist|role|agent|token|key|killswitch|config|log|hold|anchor|sink|alert|approval|run|clock)\./;

function claimsOf(params: OpParams<'run.start'>): Claims {
  const { agent_id, project_id, environment } = params;
  return {
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
  };
}

export function runHandlers(
  recorder: LocalRecorder,
  random: Random,
  guard: Guard,
): Pick<Handlers, 'record' | 'run.start' | 'run.end'> {
  /** A run token speaks for the agent it names: whoever may start such a run may act as that agent. */
  function isGuarded(agentId: string): boolean {
    const { agents, tokens } = recorder.registry.current();
    const { compiled } = recorder.policy();
    return (
      agents.get(agentId)?.registered_at !== undefined ||
      [...tokens.values()].some(({ kind, agent_id }) => kind === 'agent' && agent_id === agentId) ||
      Object.values(compiled.credentials).some((rule) => rule.agents?.includes(agentId) === true) ||
      (Object.hasOwn(compiled.agents, agentId) && compiled.agents[agentId]?.requires === 'issued')
    );
  }

  return {
    async record({ event }, client) {
      if (RESERVED.test(event.type)) {
        throw new TallyError('BAD_EVENT', `events of type ${event.type} are written by the recorder itself`, {
          hint: 'use the command or request that causes it; custom events have the type "custom"',
        });
      }
      if (event.metadata?.imported !== undefined) {
        throw new TallyError('BAD_EVENT', 'metadata.imported is set by an import alone', {
          hint: 'tally import brings records of other programs in; call the member otherwise',
        });
      }
      const claimed = event.actor?.agent_id;
      const identity = recorder.identify({
        ...(client.run_token === undefined ? {} : { run_token: client.run_token }),
        ...(claimed === undefined ? {} : { agent_id: claimed }),
      });
      if (identity.failure !== undefined) {
        throw new TallyError('TOKEN_INVALID', `the run token is not good: ${identity.failure}`, {
          hint: 'start the program again under `tally run`',
        });
      }
      const { decision: _decidedByTheClient, actor: _said, ...facts } = event;
      const actor = {
        ...saidActor(client, event),
        identity_level: identity.level,
        ...(identity.token_id === undefined ? {} : { agent_token_id: identity.token_id }),
        ...(identity.agent_id === undefined ? {} : { agent_id: identity.agent_id }),
      };
      const run = identity.run_id === undefined ? {} : { run_id: identity.run_id };
      // An end that says nothing of its actor repeats the actor of its beginning.
      const who = event.phase === 'post_exec' && event.actor === undefined ? {} : { actor };
      return recorder.record(
        { ...facts, ...run, ...who, quality: said(client, event, identity) },
        reportedBy(client),
      );
    },
    async 'run.start'(params, client) {
      if (params.agent_id !== undefined && isGuarded(params.agent_id))
        await guard.require('run.start', params, client);
      const { agent_token, ...wanted } = params;
      const failure =
        agent_token === undefined
          ? undefined
          : recorder.identify({ agent_token, ...claimsOf(wanted) }).failure;
      if (failure !== undefined) {
        throw new TallyError('TOKEN_INVALID', `the agent token is not good for this run: ${failure}`, {
          hint: 'tally agent list shows which are good; unset TALLY_AGENT_TOKEN to run without one',
        });
      }
      const isOperator = (await guard.refusal(client)) === undefined;
      const token = mintToken('run', random(TOKEN_RANDOM_BYTES), recorder.now());
      const { agent_id, command, reason, ...rest } = wanted;
      const receipt = await recorder.record(
        {
          type: 'run.start',
          phase: 'point',
          run_id: token.id,
          ...rest,
          ...(reason === undefined ? {} : { reason }),
          actor: {
            ...actorOf(client),
            identity_level: agent_id === undefined ? 'anonymous' : 'declared',
            ...(agent_id === undefined ? {} : { agent_id }),
          },
          quality: said(client),
          metadata: {
            token_id: token.id,
            token_hash: token.hash,
            expires_at: new Date(recorder.now() + LIMITS.runTokenMs).toISOString(),
            // A token that an agent got for itself proves no name: a policy may give more to this name later.
            started_by: isOperator ? 'operator' : 'other',
            ...(command === undefined ? {} : { command }),
          },
        },
        doneFor(client),
      );
      return { run_id: token.id, token: token.token, id: receipt.id };
    },
    async 'run.end'({ run_id, run_token, outcome }, client) {
      const identity = recorder.identify({ run_token });
      // The token was right and this run is over: the first request was carried out and its answer lost.
      const ended = recorder.registry.current().runs.get(run_id)?.ended_at !== undefined;
      if (identity.run_id === run_id && ended) return {};
      if (identity.failure !== undefined || identity.run_id !== run_id) {
        throw new TallyError('TOKEN_INVALID', 'this token is not of that run', {
          hint: 'a run is ended by the program that started it',
        });
      }
      const agent = identity.agent_id === undefined ? {} : { agent_id: identity.agent_id };
      const receipt = await recorder.record(
        {
          type: 'run.end',
          phase: 'point',
          run_id,
          actor: { ...actorOf(client), ...agent },
          quality: said(client),
          outcome,
        },
        doneFor(client),
      );
      return { id: receipt.id };
    },
  };
}
