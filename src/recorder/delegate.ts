/**
 * A token is passed on by whoever holds it. What is asked for is held against everything that the parent has, hand by
 * hand; more than that is a stop on record, not a narrower token in silence.
 */
import type { Decision, Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { tooWide } from '../core/identity/delegation.ts';
import { mintToken, parseToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import type { LayerName } from '../core/policy/reasons.ts';
import type { Identity } from '../core/policy/types.ts';
import type { Random } from '../core/ports.ts';
import { actorOf, doneFor, said } from './asked.ts';
import { checkedFor, roleRefusal } from './asking.ts';
import { requireKept, requireKeptBounds } from './kept.ts';
import type { Client, Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { recordStop, stopDecision } from './stopped.ts';

/** Passing on goes to no host and uses no tool: of a decision about it, these layers are of the one who asks. */
const ABOUT_CALLER: ReadonlySet<string> = new Set<LayerName>([
  'policy',
  'engine',
  'kill_switch',
  'identity',
  'membership',
]);

export function delegateHandlers(recorder: LocalRecorder, random: Random): Pick<Handlers, 'token.delegate'> {
  async function stopped(client: Client, about: Event, decision: Decision): Promise<never> {
    await recordStop(recorder, client, about, decision);
    throw new TallyError('STOPPED', `the token is not passed on: ${decision.message ?? decision.reason}`, {
      hint: '`tally agent token list` shows what the parent has; ask for less, or have the operator issue a token',
      details: { reason: decision.reason ?? 'policy_denied' },
    });
  }

  /** What the policy in force and the kill switches say of the holder, before anything is passed on. */
  function ofHolder(identity: Identity): Decision | undefined {
    const { project_id, environment, run_id } = identity;
    const decision = recorder.decide(
      {
        tenant_id: recorder.tenant,
        ...(project_id === undefined ? {} : { project_id }),
        ...(environment === undefined ? {} : { environment }),
        ...(run_id === undefined ? {} : { run_id }),
        action: { name: 'token.delegate' },
        credentials: [],
      },
      { identity },
    );
    const against = decision.outcome !== 'allow' && ABOUT_CALLER.has(decision.layer ?? '');
    return against && decision.enforced !== false ? decision : undefined;
  }

  function identityOf(parent: string): Identity {
    const kind = parseToken(parent)?.kind;
    return recorder.identify(kind === 'run' ? { run_token: parent } : { agent_token: parent });
  }

  return {
    async 'token.delegate'(params, asked) {
      const { parent, agent_id, expires_in_s: _span, ...rest } = params;
      requireKept('agent', agent_id);
      requireKeptBounds(params);
      const identity = identityOf(parent);
      const client: Client = { ...asked, checked: checkedFor(recorder, identity) };
      const about: Event = {
        type: 'token.issue',
        phase: 'point',
        ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
        metadata: { kind: 'agent', agent_id, ...parentOf(identity), ...rest },
      };
      const refused = ofHolder(identity);
      if (refused !== undefined) return stopped(client, about, refused);
      const why = roleRefusal(recorder, client, 'token.delegate');
      if (why !== undefined) {
        const stop = { layer: 'identity', reason: 'role_denied', identity, why } as const;
        return stopped(client, about, stopDecision(recorder, 'token.delegate', stop));
      }

      const now = recorder.now();
      const state = recorder.registry.current();
      const asking = { ...params, expires_at: expiryOf(params, now) };
      const policy = recorder.policy().compiled;
      const answer = tooWide(state, { policy, identity, principal: client.checked?.principal, now }, asking);
      if ('why' in answer)
        return stopped(
          client,
          about,
          stopDecision(recorder, 'token.delegate', {
            layer: 'delegation',
            reason: 'delegation_exceeded',
            identity,
            ...answer,
          }),
        );

      const token = mintToken('agent', random(TOKEN_RANDOM_BYTES), now);
      const { expires_at, chain } = answer;
      const { id } = await recorder.record(
        {
          ...about,
          actor: actorOf(client),
          quality: said(client),
          metadata: {
            ...about.metadata,
            token_id: token.id,
            token_hash: token.hash,
            ...(identity.user_id === undefined ? {} : { user_id: identity.user_id }),
            chain,
            expires_at,
          },
          outcome: { status: 'ok' },
        },
        doneFor(client),
      );
      return { token_id: token.id, token: token.token, chain, expires_at, id };
    },
  };
}

function parentOf({ token_id }: Identity): { readonly parent?: string } {
  return token_id === undefined ? {} : { parent: token_id };
}

function expiryOf({ expires_in_s }: OpParams<'token.delegate'>, now: number): number | undefined {
  return expires_in_s === undefined ? undefined : now + expires_in_s * 1000;
}
