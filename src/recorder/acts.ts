/**
 * Actions that a program holds until they are decided: it asks, and begins only when the answer says so. The pre_exec and
 * its end are `enforced`, because the asker is our own code around the action; what a program merely tells of itself is
 * `self_reported`. Who has the token of a run speaks for that run, and nobody else ends its actions.
 */
import type { Event } from '../core/entry.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Identity } from '../core/policy/types.ts';
import { errorToWire } from '../core/wire.ts';
import { eventOf, requestOf, toldOf } from './act-events.ts';
import type { ActFlight, ActFlights } from './act-flights.ts';
import { ACT_ENDS, type ActType, type BatchResult } from './act-ops.ts';
import type { Producer } from './api.ts';
import { notBegun, proceeds } from './not-begun.ts';
import type { Client, Handlers } from './ops.ts';
import type { OpenAction } from './pending.ts';
import type { LocalRecorder } from './recorder.ts';
import type { Prepare, Prepared } from './reported.ts';

/** Less, where the asker itself says that it may fail to hold what it asks about. Nobody is taken for more. */
const guarded = ({ surface }: Client, assurance: 'enforced' | 'observed' = 'enforced'): Producer => ({
  surface,
  assurance,
});

export function actHandlers(
  recorder: LocalRecorder,
  prepare: Prepare,
  flights: ActFlights,
  endRun: Handlers['run.end'],
): Pick<Handlers, 'act.begin' | 'act.wait' | 'act.end' | 'record.batch' | 'run.last'> {
  /** Actions that were let through and have not ended, by run and step: an answer may get lost. */
  const open = new Map<string, { readonly id: string; readonly flight: ActFlight }>();
  /** Those that wait for a person, by the approval. */
  const waiting = new Map<string, readonly ActFlight[]>();

  async function forget(place: string): Promise<void> {
    const before = open.get(place);
    over(place);
    if (before !== undefined)
      await recorder.abandon(before.id, 'the answer was lost and it was asked for again');
  }

  function over(place: string): void {
    open.get(place)?.flight.over();
    open.delete(place);
  }

  function remember(place: string, id: string, flight: ActFlight): void {
    open.set(place, { id, flight });
    const [oldest] = open.keys();
    if (open.size > LIMITS.apiOpenDecisions && oldest !== undefined) over(oldest);
  }

  function wait(approval: string, flight: ActFlight): void {
    waiting.set(approval, [...(waiting.get(approval) ?? []), flight]);
    const [oldest] = waiting.keys();
    if (waiting.size > LIMITS.apiOpenDecisions && oldest !== undefined) answered(oldest);
  }

  function answered(approval: string): void {
    for (const flight of waiting.get(approval) ?? []) flight.over();
    waiting.delete(approval);
  }

  const handlers: ReturnType<typeof actHandlers> = {
    async 'act.begin'(params, client) {
      refuseOwn(params.metadata);
      const identity = recorder.identify({ run_token: params.run_token });
      const place = placeOf(identity, params.step_id);
      await forget(place);
      const request = requestOf(recorder, identity, params);
      const { payload, args, args_partial } = params;
      flights.run(identity, client.tell);
      const flight = flights.begin(request, identity, client.tell);
      const { decision, receipt, approval } = await recorder
        .act(
          {
            request,
            identity,
            ...(args === undefined ? {} : { args }),
            ...(args_partial === true ? { args_note: 'partial' } : {}),
            ...(params.shown === undefined ? {} : { shown: params.shown }),
            ...(payload === undefined ? {} : { payload: { type: params.type, data: payload } }),
          },
          () => eventOf(recorder, client, identity, params),
          guarded(client, params.assurance),
        )
        .catch((error: unknown) => {
          flight.over();
          throw error;
        });
      const proceed = proceeds(decision);
      if (proceed) remember(place, receipt.id, flight);
      else if (approval === undefined) flight.over();
      else wait(approval.id, flight);
      flight.known(receipt.id);
      if (!proceed)
        await recorder.record(
          notBegun(ACT_ENDS[params.type], receipt.id, decision),
          guarded(client, params.assurance),
        );
      return {
        ...receipt,
        proceed,
        decision: toldOf(decision),
        ...(approval === undefined ? {} : { approval }),
        hold_ms: recorder.policy().compiled.approvals?.hold_ms ?? LIMITS.approvalHoldMs,
      };
    },

    async 'act.wait'({ run_token, approval, ms }) {
      const { run_id, agent_id } = recorder.identify({ run_token });
      const asked = recorder.approvals.find(approval);
      // Asked again in another run of the same agent, it is the same request, and the same grant.
      const isTheirs = asked?.run_id === run_id || asked?.requester.agent_id === agent_id;
      if (asked === undefined || run_id === undefined || !isTheirs)
        throw new TallyError('NOT_FOUND', `this run asked for no approval ${approval}`, {
          hint: 'tally approvals list --all shows those that are known',
        });
      const cut = new AbortController();
      // Whoever it concerns is told by the flights, and asks no more; the others ask again.
      const off = recorder.kills.onSwitch(() => {
        cut.abort();
        return 0;
      });
      try {
        const told = await recorder.waitForApproval(approval, ms, cut.signal);
        const status = told ?? recorder.approvals.status(asked);
        if (status !== 'pending') answered(approval);
        return { status };
      } finally {
        off();
      }
    },

    async 'act.end'({ run_token, id, end_id, ...rest }, client) {
      refuseOwn(rest.metadata);
      // The token proves the run also when that has ended since: how an action ended belongs on record all the same.
      const { run_id } = recorder.identify({ run_token });
      const found = await recorder.find(id);
      if (found === undefined || run_id === undefined || !isOwnAction(found.action, run_id, client))
        throw new TallyError('NOT_FOUND', `this run began no action ${id} that it could end`, {
          hint: 'an action is ended by the run that began it, with the id that `act.begin` answered',
        });
      if (found.state === 'ended') {
        const { id: by, index, ts } = found.end;
        if (by === end_id) return { id: by, index, ts };
        throw new TallyError('BAD_EVENT', `how ${id} ended is in the log already`, {
          hint: `it is entry ${index}: tally log show ${index}`,
        });
      }
      const { type, repeats } = found.action;
      over(placeOf({ run_id }, repeats.step_id ?? ''));
      const ended: Event = {
        ...rest,
        id: end_id,
        type: ACT_ENDS[type as ActType],
        phase: 'post_exec',
        parent_id: id,
      };
      const { assurance } = found.action;
      const receipt = await recorder.record(
        ended,
        guarded(client, assurance === 'observed' ? 'observed' : 'enforced'),
      );
      return { ...receipt, ...(found.late ? { late: true } : {}) };
    },

    async 'record.batch'({ run_token = undefined, events }, client) {
      const token = run_token ?? client.run_token;
      const claims = token === undefined ? {} : { run_token: token };
      const known: Client = { ...client, ...claims };
      return { results: await recordReported(recorder, events, (event) => prepare(event, known, claims)) };
    },

    async 'run.last'({ run_id, run_token, events, ends, outcome }, client) {
      if (events.length > 0) await handlers['record.batch']({ run_token, events }, client);
      for (const end of ends) {
        try {
          await handlers['act.end']({ run_token, ...end }, client);
        } catch (error) {
          // It had ended before; whoever asked is gone.
          if (!isTallyError(error) || (error.code !== 'BAD_EVENT' && error.code !== 'NOT_FOUND')) throw error;
        }
      }
      return endRun({ run_id, run_token, outcome }, client);
    },
  };
  return handlers;
}

/** One result for each, in their order; entries get their places in that order too. */
export async function recordReported(
  recorder: Pick<LocalRecorder, 'recordAll'>,
  events: readonly Event[],
  prepare: (event: Event) => Promise<Prepared>,
): Promise<readonly BatchResult[]> {
  const results = new Map<number, BatchResult>();
  const good: { readonly at: number; readonly prepared: Prepared }[] = [];
  for (const [at, event] of events.entries()) {
    try {
      good.push({ at, prepared: await prepare(event) });
    } catch (error) {
      if (!(error instanceof TallyError)) throw error;
      results.set(at, { refused: errorToWire(error) });
    }
  }
  const [first] = good;
  if (first !== undefined) {
    const recorded = await recorder.recordAll(
      good.map(({ prepared }) => prepared.event),
      first.prepared.producer,
    );
    for (const [i, one] of recorded.entries())
      results.set(
        good[i]?.at ?? -1,
        'refused' in one
          ? { refused: errorToWire(one.refused) }
          : { ...one.receipt, ...(one.known ? { known: true } : {}) },
      );
  }
  return events.map((_event, at) => results.get(at) ?? { refused: errorToWire(undefined) });
}

/** Of an entry's metadata, what says how it came about: replay and budgets read it. */
const OWN_METADATA = ['imported', 'tenant_named'];

function refuseOwn(metadata: Readonly<Record<string, unknown>> = {}): void {
  const named = OWN_METADATA.find((name) => Object.hasOwn(metadata, name));
  if (named === undefined) return;
  throw new TallyError('BAD_EVENT', `metadata.${named} is the recorder's own to say`, {
    hint: 'call the member otherwise; nothing was decided or recorded',
  });
}

const placeOf = ({ run_id }: Pick<Identity, 'run_id'>, step: string): string => `${run_id ?? ''}\n${step}`;

/** The run began it, through a guard, on the way that asks now. */
export function isOwnAction(
  { type, surface, assurance, repeats }: OpenAction,
  run_id: string,
  client: Client,
): boolean {
  return (
    repeats.run_id === run_id &&
    surface === client.surface &&
    assurance !== 'self_reported' &&
    Object.hasOwn(ACT_ENDS, type)
  );
}
