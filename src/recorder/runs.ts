/** Requests about runs: their beginning and end. */
import type { Event, Outcome } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { mintToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import { LIMITS } from '../core/limits.ts';
import type { Identity } from '../core/policy/types.ts';
import type { Random } from '../core/ports.ts';
import type { ActFlights } from './act-flights.ts';
import { requireUser } from './agents.ts';
import type { Claims } from './api.ts';
import { actorOf, doneFor, said } from './asked.ts';
import { checkedFor } from './asking.ts';
import type { Guard } from './guard.ts';
import { requireKeptBounds } from './kept.ts';
import type { Client, Handlers, OpParams } from './ops.ts';
import type { Programs } from './programs.ts';
import type { LocalRecorder } from './recorder.ts';
import { boundRun } from './run-bounds.ts';
import { recordStop, stopDecision } from './stopped.ts';

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
  flights: ActFlights,
  programs: Programs,
): Pick<Handlers, 'run.start' | 'run.end'> {
  /** A run token speaks for the agent it names: whoever may start such a run may act as that agent. */
  function isGuarded(agentId: string): boolean {
    const { compiled } = recorder.policy();
    return (
      // Registered, or the operator issued a token in this name.
      recorder.registry.current().agents.has(agentId) ||
      Object.values(compiled.credentials).some((rule) => rule.agents?.includes(agentId) === true) ||
      (Object.hasOwn(compiled.agents, agentId) && compiled.agents[agentId]?.requires === 'issued')
    );
  }

  /** What a run is started with bounds it: a token, or the run that it is started in. Undefined: nothing does. */
  function above(client: Client, wanted: Claims): Identity | undefined {
    const { agent_token } = wanted;
    const inside = client.run_token === undefined ? undefined : { run_token: client.run_token };
    if (agent_token !== undefined) return recorder.identify({ ...wanted, ...good(inside) });
    return inside === undefined ? undefined : recorder.identify(good(inside) ?? {});
  }

  /** A run that is started in one that has ended is in none. */
  function good(inside: { readonly run_token: string } | undefined): Claims | undefined {
    return inside !== undefined && recorder.identify(inside).failure === undefined ? inside : undefined;
  }

  return {
    async 'run.start'(params, asker) {
      const { agent_token, run_token = asker.run_token, workflow_name, about: told, ...wanted } = params;
      const client: Client = { ...asker, ...(run_token === undefined ? {} : { run_token }) };
      const holder = above(client, {
        ...claimsOf(wanted),
        ...(agent_token === undefined ? {} : { agent_token }),
      });
      if (holder?.failure !== undefined) {
        throw new TallyError('TOKEN_INVALID', `the agent token is not good for this run: ${holder.failure}`, {
          hint: 'tally agent list shows which are good; unset TALLY_AGENT_TOKEN to run without one',
        });
      }
      const { agent_id: named, command, reason, user_id, scopes, contract, ...rest } = wanted;
      // Who starts a run with an agent's token is that agent, and so is a program of the SDK in the run that it is in.
      const agentAbove = holder?.agent_id;
      const isGood = holder?.level === 'issued';
      // One that must be proved, and is not, is passed on to nobody.
      const isPassedOn =
        client.surface === 'sdk' && agentAbove !== undefined && (isGood || !isGuarded(agentAbove));
      const agent_id = named ?? (agent_token !== undefined || isPassedOn ? agentAbove : undefined);
      const isOwn = isGood && agentAbove === agent_id && (agent_token !== undefined || named === undefined);
      if (user_id !== undefined || (agent_id !== undefined && !isOwn && isGuarded(agent_id)))
        await guard.require('run.start', params, client);
      requireUser(recorder.policy().compiled, user_id);
      requireKeptBounds({ scopes, contract });
      const isOperator = (await guard.refusal(client, 'run.start')) === undefined;
      const bound = boundRun(holder, { agent_id, user_id, scopes, contract });
      const known: Client = { ...client, checked: checkedFor(recorder, bound.identity) };
      const about: Event = {
        type: 'run.start',
        phase: 'point',
        ...rest,
        ...(reason === undefined ? {} : { reason }),
        metadata: {
          ...bound.metadata,
          ...(command === undefined ? {} : { command }),
          ...(workflow_name === undefined ? {} : { workflow_name }),
          // Not beside what the registry is made from: a program must not say whose run it is.
          ...(told === undefined ? {} : { about: told }),
        },
      };
      if (bound.why !== undefined) {
        const { why } = bound;
        await recordStop(
          recorder,
          known,
          { ...about, metadata: { ...about.metadata, asked: { user_id, scopes, contract } } },
          stopDecision(recorder, 'run.start', {
            layer: 'delegation',
            reason: 'delegation_exceeded',
            why,
            ...(holder === undefined ? {} : { identity: holder }),
          }),
        );
        throw new TallyError('STOPPED', `the run is not started: ${why}`, {
          hint: 'ask for less, or start it outside of the run and without the token that it is started with',
          details: { reason: 'delegation_exceeded' },
        });
      }
      const token = mintToken('run', random(TOKEN_RANDOM_BYTES), recorder.now());
      const receipt = await recorder.record(
        {
          ...about,
          run_id: token.id,
          actor: actorOf(known),
          quality: said(known),
          metadata: {
            token_id: token.id,
            token_hash: token.hash,
            expires_at: new Date(recorder.now() + LIMITS.runTokenMs).toISOString(),
            // A token that an agent got for itself proves no name: a policy may give more to this name later.
            started_by: isOperator ? 'operator' : 'other',
            ...about.metadata,
          },
        },
        doneFor(client),
      );
      flights.run(recorder.identify({ run_token: token.token }), client.tell);
      programs.began(token.id, known);
      const isNobodys =
        known.checked?.principal === undefined && recorder.policy().compiled.users !== undefined;
      return {
        run_id: token.id,
        token: token.token,
        ...(isNobodys ? { no_user: true } : {}),
        id: receipt.id,
      };
    },
    async 'run.end'({ run_id, run_token, outcome }, client) {
      const identity = recorder.identify({ run_token });
      // The token was right and this run is over: the first request was carried out and its answer lost.
      const run = recorder.registry.current().runs.get(run_id);
      const ended = run?.ended_at !== undefined;
      // It was taken for gone, and can tell after all.
      const late = identity.run_id === run_id && run?.gone === true;
      if (identity.run_id === run_id && ended && !late) return {};
      if ((identity.failure !== undefined && !late) || identity.run_id !== run_id) {
        throw new TallyError('TOKEN_INVALID', 'this token is not of that run', {
          hint: 'a run is ended by the program that started it',
        });
      }
      flights.runOver(run_id);
      programs.over(run_id);
      const known: Client = { ...client, checked: checkedFor(recorder, identity) };
      const receipt = await recorder.record(
        runEnd(run_id, known, late ? { ...outcome, late } : outcome),
        doneFor(client),
      );
      return { id: receipt.id };
    },
  };
}

export function runEnd(run_id: string, client: Client, outcome: Outcome): Event {
  return {
    type: 'run.end',
    phase: 'point',
    run_id,
    actor: actorOf(client),
    quality: said(client),
    outcome,
  };
}
