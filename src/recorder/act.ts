/**
 * Decides and records in one turn. What is read for a decision (counters, budgets, grants, switches) is a fold over the
 * entries before it, so nothing may get a place between the reading and the entry: two calls would both find the last
 * place of a window free, or the same approval unused.
 *
 * What takes time (hashes, facts, the key of a payload) is made before the turn; what has to wait waits before it.
 */
import type { Decision, Event, PayloadData } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import type { ActionPrint, Fingerprint } from '../core/fingerprint.ts';
import { type Facts, readFacts } from '../core/governance/facts.ts';
import { showArguments } from '../core/governance/shown.ts';
import { type GovernanceState, readFor } from '../core/governance/state.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { decide } from '../core/policy/decide.ts';
import type { Durability } from '../core/policy/durability.ts';
import { durabilityOf } from '../core/policy/durability-of.ts';
import { type MachineOwner, principalOf } from '../core/policy/principal.ts';
import { runOf } from '../core/policy/subject.ts';
import type { DecisionInputs, DecisionRequest } from '../core/policy/types.ts';
import type { Redactor } from '../core/redact/redact.ts';
import { oneToolName } from '../core/tool-name.ts';
import type { Acted, Ask, Producer } from './api.ts';
import { approvalRequest, mayAskForMore, waitingFor } from './approval-request.ts';
import type { Payloads, PreparedPayload } from './payloads.ts';
import type { Sequenced } from './sequencer.ts';

export interface ActOptions {
  readonly tenant: string;
  readonly fingerprint: Fingerprint;
  readonly governance: () => GovernanceState;
  readonly policy: () => PolicyInForce;
  readonly owner: MachineOwner | undefined;
  readonly allowObserve: boolean | undefined;
  readonly now: () => number;
  readonly payloads: Payloads | undefined;
  /** Undefined, or resolves, when there is room for another event; the caller then has the turn until it waits itself. */
  readonly room: () => Promise<void> | undefined;
  /**
   * Throws when nothing may be recorded any more. A step of the clock is in the log, and known to `governance`, before
   * anything is read by the clock.
   */
  readonly begin: () => void;
  readonly sequence: (
    event: Event,
    producer: Producer,
    payload: PreparedPayload | undefined,
    print: ActionPrint,
  ) => Sequenced;
  /** Who writes the requests for approval. */
  readonly own: Producer;
  /** Somebody is asked from now on. */
  readonly asked: () => void;
  readonly redactor: Pick<Redactor, 'redactValue'>;
}

export interface Actor {
  act(
    ask: Ask,
    event: (decision: Decision, request: DecisionRequest) => Event,
    producer: Producer,
  ): Promise<Acted>;
  decide(request: DecisionRequest, read: Omit<Ask, 'request'>): Decision;
}

export function createAct(options: ActOptions): Actor {
  function printOf({ request, args, args_note }: Ask): ActionPrint {
    return options.fingerprint.action(options.tenant, request.action, args, args_note);
  }

  function inputsOf(request: DecisionRequest, ask: Ask, facts: Facts | undefined): DecisionInputs {
    const { identity, addresses } = ask;
    const policy = options.policy();
    const nowMs = options.now();
    const principal = principalOf(policy.compiled, identity, options.owner);
    return {
      decided_at: new Date(nowMs).toISOString(),
      identity,
      ...(principal === undefined ? {} : { principal }),
      ...(addresses === undefined ? {} : { addresses }),
      ...(options.allowObserve === undefined ? {} : { allow_observe: options.allowObserve }),
      ...(facts === undefined ? {} : { facts }),
      ...readFor(options.governance(), request, identity, principal, policy, nowMs),
    };
  }

  function decideNow(request: DecisionRequest, ask: Ask): Decision {
    const policy = options.policy();
    // Read from the policy in force in this very turn: it may have changed while this call waited for its turn.
    const facts =
      policy.compiled.facts === undefined ? undefined : readFacts(policy.compiled, factsFrom(ask));
    return decide(request, policy, inputsOf(request, ask, facts));
  }

  /** A grant is good once: an entry that uses one up is never lost. */
  function durabilityFor(decision: Decision, request: DecisionRequest, ask: Ask): Durability {
    const asks = ask.mayGoOn === true && decision.outcome === 'allow' && decision.approval === undefined;
    return asks ? durabilityOf(request, ask.identity, options.policy().compiled) : 'intent';
  }

  /** In the turn of the decision that wants it, so that two calls do not ask twice. */
  function askFor(
    decision: Decision,
    event: Event,
    request: DecisionRequest,
    preId: string,
    ask: Ask,
    print: ActionPrint,
  ): { readonly approval: NonNullable<Acted['approval']>; readonly done?: Promise<void> } | undefined {
    if (decision.outcome !== 'approval_required' || decision.enforced === false) return undefined;
    const state = options.governance();
    const nowMs = options.now();
    const waits = waitingFor(state, decision, request, nowMs);
    if (waits !== undefined) return { approval: { id: waits.id, expires_at: waits.expires_at } };
    if (!mayAskForMore(state, decision)) return undefined;
    const shown = showArguments(made(ask.shown) ?? factsFrom(ask), options.redactor);
    const wanted = approvalRequest(event, decision, preId, nowMs, shown);
    const { receipt, done } = options.sequence(wanted, options.own, undefined, print);
    options.asked();
    const expires_at = state.approvals.byId.get(receipt.id)?.expires_at ?? decision.inputs?.decided_at;
    return { approval: { id: receipt.id, expires_at: String(expires_at) }, done };
  }

  return {
    decide(asked, read) {
      const request = withOneName(asked);
      const ask = { request, ...read };
      const printed = read.args === undefined ? request : withPrint(request, printOf(ask));
      return decideNow(printed, ask);
    },

    async act(asked, event, producer) {
      const ask = { ...asked, request: withOneName(asked.request) };
      const print = printOf(ask);
      const request = withPrint(ask.request, print);

      async function turn(payload?: PreparedPayload): Promise<Acted> {
        const wait = options.room();
        if (wait !== undefined) await wait;
        // From here to `sequence` nothing may wait.
        options.begin();
        const decision = decideNow(request, ask);
        const durability = durabilityFor(decision, request, ask);
        const built = withDecision(
          noting(event(decision, request), durability),
          decision,
          request,
          runOf(request, ask.identity),
          ask.payload?.data,
        );
        const sequenced = options.sequence(built, producer, payload, print);
        if (durability !== 'intent') {
          // Looked at by whoever goes on; nobody may.
          sequenced.done.catch(() => undefined);
          return { decision, receipt: sequenced.receipt, durability, durable: sequenced.done };
        }
        const asked = askFor(decision, built, request, sequenced.receipt.id, ask, print);
        await sequenced.done;
        await asked?.done;
        return {
          decision,
          receipt: sequenced.receipt,
          ...(asked === undefined ? {} : { approval: asked.approval }),
        };
      }

      const { payload } = ask;
      if (payload === undefined || options.payloads === undefined) return turn();
      const run_id = runOf(request, ask.identity);
      const carried: Event = {
        type: payload.type,
        phase: 'pre_exec',
        payload: payload.data,
        ...(run_id === undefined ? {} : { run_id }),
      };
      return options.payloads.carry(carried, producer, turn);
    },
  };
}

/** What is decided on, counted and recorded is the tool, whatever its client calls it. */
function withOneName(request: DecisionRequest): DecisionRequest {
  const { name, tool } = request.action;
  const one = oneToolName(name);
  const toolName = tool === undefined ? undefined : oneToolName(tool.name);
  if (one === name && toolName === tool?.name) return request;
  return {
    ...request,
    action: {
      ...request.action,
      name: one,
      ...(tool === undefined || toolName === undefined ? {} : { tool: { ...tool, name: toolName } }),
    },
  };
}

const made = (value: unknown): unknown => (typeof value === 'function' ? value() : value);

/** What facts are read from; reading it may cost a pass over the arguments. */
export function factsFrom({ facts_from, args }: Pick<Ask, 'facts_from' | 'args'>): unknown {
  return facts_from === undefined ? args : made(facts_from);
}

function withPrint(request: DecisionRequest, { key, args_hash }: ActionPrint): DecisionRequest {
  const { key: _key, args_hash: _hash, ...action } = request.action;
  return { ...request, action: { ...action, key, ...(args_hash === undefined ? {} : { args_hash }) } };
}

/** An entry that nobody waits for says so. */
function noting(event: Event, durability: Durability): Event {
  return durability === 'intent' ? event : { ...event, metadata: { ...event.metadata, durability } };
}

/** What the client calls its tool, where that is not the name of the tool. */
function calledBy({ action }: Event, { name }: { readonly name: string }): { readonly called?: string } {
  const called = action?.tool?.name ?? action?.name;
  return called === undefined || called === name ? {} : { called };
}

/** What the entry says was decided on is what was decided on, whoever built the event. */
function withDecision(
  event: Event,
  decision: Decision,
  { action, credentials, project_id, environment }: DecisionRequest,
  run_id: string | undefined,
  payload: PayloadData | undefined,
): Event {
  if (event.id !== undefined || (event.payload !== undefined && event.payload !== payload)) {
    throw new TallyError('BAD_EVENT', 'an event that is decided on has no id and no payload of its own', {
      hint: 'hand the payload over with what is asked; nothing was recorded for this event',
    });
  }
  const { name, target, tool, tier, capability } = action;
  const used = decision.approval?.id;
  return {
    ...event,
    // Replay makes the request again out of the entry: what was decided on has to stand in it.
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
    ...(event.credentials !== undefined || credentials.length === 0 ? {} : { credentials: [...credentials] }),
    ...(run_id === undefined ? {} : { run_id }),
    ...(used === undefined ? {} : { parent_id: used }),
    ...(payload === undefined ? {} : { payload }),
    action: {
      ...event.action,
      name,
      ...(target === undefined ? {} : { target }),
      ...(tool === undefined ? {} : { tool: { ...event.action?.tool, ...tool, ...calledBy(event, tool) } }),
      ...(tier === undefined ? {} : { tier }),
      ...(capability === undefined ? {} : { capability }),
    },
    decision,
  };
}
