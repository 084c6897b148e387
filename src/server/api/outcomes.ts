/** `POST /v1/outcomes`: how an action ended that was decided here. Closes its pair, once. */
import type { Event } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { FoundAction } from '../../recorder/actions.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { Caller } from './caller.ts';
import { DECISION_MADE, REPORTED } from './decisions.ts';
import type { OpenDecisions } from './open.ts';
import { readShape } from './read-shape.ts';
import { ApiError, type Reply } from './reply.ts';
import { type OutcomeRequestBody, OutcomeRequestShape } from './shapes.ts';

export type OutcomeRecorder = Pick<LocalRecorder, 'find' | 'identify' | 'principal' | 'recordAll'>;

export interface Outcomes {
  /** Throws `ApiError`, and when nothing can be recorded. */
  closeOne(caller: Caller, body: unknown): Promise<Reply>;
}

interface Closing {
  readonly id: string;
  readonly index: number;
  readonly ts: string;
}

export function createOutcomes(recorder: OutcomeRecorder, open: OpenDecisions): Outcomes {
  /** Reports of one decision come one after the other: two must not both find it open. */
  const turns = new Map<string, Promise<unknown>>();
  /** By decision: how it was closed through this API, the newest last. */
  const closed = new Map<string, Closing>();

  async function inTurn<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = turns.get(key);
    const turn = (before ?? Promise.resolve()).then(body);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    turns.set(key, settled);
    try {
      return await turn;
    } finally {
      if (turns.get(key) === settled) turns.delete(key);
    }
  }

  function remember(decision: string, closing: Closing): void {
    closed.set(decision, closing);
    const [oldest] = closed.keys();
    if (closed.size > LIMITS.apiRememberedOutcomes && oldest !== undefined) closed.delete(oldest);
  }

  async function close(caller: Caller, { decision_id, id, outcome }: OutcomeRequestBody): Promise<Reply> {
    const known = closed.get(decision_id);
    if (known !== undefined) return again(decision_id, id, known);
    const found = await recorder.find(decision_id);
    if (found === undefined || found.action.type !== DECISION_MADE)
      throw new ApiError(
        404,
        'unknown_decision',
        `no decision of this API has the id ${decision_id}`,
        'an outcome names the id that POST /v1/decisions answered',
      );
    refuseOthers(recorder, caller, found);
    if (found.state === 'ended') {
      const { id: by, index, ts } = found.end;
      return again(decision_id, id, { id: by, index, ts });
    }
    const event: Event = {
      type: DECISION_MADE,
      phase: 'post_exec',
      parent_id: decision_id,
      ...(id === undefined ? {} : { id }),
      outcome,
    };
    const [recorded] = await recorder.recordAll([event], REPORTED);
    if (recorded === undefined || 'refused' in recorded)
      throw recorded?.refused ?? new Error('nothing was recorded');
    if (recorded.known)
      throw new ApiError(409, 'id_taken', `another entry has the id ${id}`, 'make a new id for each outcome');
    const { receipt } = recorded;
    open.ended(decision_id);
    remember(decision_id, receipt);
    return answer(decision_id, receipt, found.late ? { late: true } : {});
  }

  return {
    async closeOne(caller, body) {
      const told = readShape(
        OutcomeRequestShape,
        body,
        'spec/api.md describes the request; GET /v1/openapi.json is its schema',
      );
      return inTurn(told.decision_id, () => close(caller, told));
    },
  };
}

function answer(decision_id: string, { id, index, ts }: Closing, more: object): Reply {
  return { status: 200, body: { id, index, ts, decision_id, ...more } };
}

/** The same outcome sent again is answered as the first time; another one is told who came before. */
function again(decision_id: string, id: string | undefined, by: Closing): Reply {
  if (id === by.id) return answer(decision_id, by, { known: true });
  throw new ApiError(
    409,
    'already_closed',
    `the outcome of ${decision_id} is in the log already`,
    `it is entry ${by.index}: tally log show ${by.index}`,
    { beside: { closed_by: { id: by.id, index: by.index, ts: by.ts } } },
  );
}

/**
 * Whoever asked reports: with the same token or another one of the same agent and user, or, where none was presented, from
 * the same user's processes. A name that was passed on is that of who passed it on: the same hands, or another caller.
 */
function refuseOthers(recorder: OutcomeRecorder, caller: Caller, { action }: FoundAction): void {
  const identity = recorder.identify(caller.claims);
  const { agent_token_id, agent_id, on_behalf_of, delegation_chain = [] } = action.repeats.actor ?? {};
  if (identity.failure !== undefined)
    throw new ApiError(
      401,
      identity.failure,
      'the token is not good',
      'tally agent token list shows which are',
    );
  const hands = (identity.delegation ?? []).map((hand) => hand.agent_id);
  const isSame =
    agent_token_id === undefined
      ? caller.isOwn
      : identity.token_id === agent_token_id ||
        (agent_id !== undefined &&
          identity.level === 'issued' &&
          identity.agent_id === agent_id &&
          recorder.principal(identity)?.id === on_behalf_of?.id &&
          JSON.stringify(hands) === JSON.stringify(delegation_chain));
  if (!isSame)
    throw new ApiError(
      403,
      'not_the_caller',
      'somebody else asked for this decision',
      'report an outcome with the token that the decision was asked for with',
    );
}
