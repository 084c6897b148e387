/**
 * One header-addressed call, in the order that everything rests on:
 *
 *     parse → identify → decide → resolve once → decide with the addresses → pre_exec durable
 *           → fetch the credential → inject → connect to a checked address → stream, scrubbed → post_exec
 *
 * Nothing leaves and no credential is read before the pre_exec is durable; a log that cannot be written stops every
 * call. Whatever happens afterwards ends in exactly one post_exec.
 */
import type { IncomingMessage } from 'node:http';
import type { Decision } from '../../core/entry.ts';
import type { DecisionRequest } from '../../core/policy/types.ts';
import type { Recorder } from '../../recorder/api.ts';
import { type BodyLimits, readBefore } from './before.ts';
import { type AllowedCall, type CarryDeps, carry, failBefore } from './carry.ts';
import {
  type CallFacts,
  callMetadata,
  type Durations,
  decisionRequest,
  postExec,
  preExec,
} from './events.ts';
import { codeOf, type Failure } from './failure.ts';
import { parseControl } from './headers.ts';
import { refuseBad } from './refuse.ts';
import { type Exchange, elapsed, sendReply } from './reply.ts';
import type { AddressBook } from './resolve.ts';
import { proceeds, stopOutcome, stopReply } from './stop.ts';
import type { TargetUrl } from './target.ts';

export interface CallDeps extends CarryDeps, BodyLimits {
  readonly recorder: Pick<Recorder, 'identify' | 'decide' | 'tenant'>;
  readonly book: AddressBook;
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

export function factsOf(deps: CallDeps, request: IncomingMessage): CallFacts {
  const control = parseControl(request.rawHeaders, request.method ?? 'GET');
  return {
    control,
    identity: deps.recorder.identify(control.claims),
    tenant: deps.recorder.tenant,
    project: deps.project,
    environment: deps.environment,
  };
}

interface Decided {
  readonly decision: Decision;
  readonly addresses: readonly string[];
  /** The decision allows it, but the name has no addresses. */
  readonly unresolved?: Failure;
}

/**
 * A stop without addresses comes first: a name that may not be called must not be looked up either, because a lookup
 * carries what is written in the name to whoever answers it.
 */
function decideCall(deps: CallDeps, facts: CallFacts, target: TargetUrl): Decided | Promise<Decided> {
  const { identity } = facts;
  const request = decisionRequest(facts);
  const known = deps.book.known(target.host);
  const first = deps.recorder.decide(
    request,
    known === undefined ? { identity } : { identity, addresses: known },
  );
  if (known !== undefined || !proceeds(first)) return { decision: first, addresses: known ?? [] };
  return decideAgain(deps, facts, target, request, first);
}

async function decideAgain(
  deps: CallDeps,
  { identity }: CallFacts,
  target: TargetUrl,
  request: DecisionRequest,
  first: Decision,
): Promise<Decided> {
  let addresses: readonly string[];
  try {
    addresses = await deps.book.resolve(target.host);
  } catch (error) {
    const text = `upstream ${target.host} has no address that could be found (${codeOf(error)})`;
    return { decision: first, addresses: [], unresolved: { status: 'error', kind: 'dns_failed', text } };
  }
  return { decision: deps.recorder.decide(request, { identity, addresses }), addresses };
}

/** Resolves when the call is settled or handed to its stream. Never rejects but for a bug. */
export async function handleCall(deps: CallDeps, exchange: Exchange): Promise<void> {
  const facts = factsOf(deps, exchange.request);
  const { problem, target } = facts.control;
  if (problem !== undefined || target === undefined)
    return refuseBad(deps, exchange, facts, problem ?? 'X-AS-Target-URL header is required');
  const reading = readBefore(deps, exchange, facts, deps);
  const before = reading instanceof Promise ? await reading : reading;
  if (before === undefined) return;

  const decideStart = performance.now();
  const deciding = decideCall(deps, facts, target);
  const decided = deciding instanceof Promise ? await deciding : deciding;
  const auditStart = performance.now();
  const receipt = await deps.record(preExec(facts, before.args, decided.decision));
  if ('unrecorded' in receipt) {
    sendReply(exchange, receipt.unrecorded);
    return;
  }
  const durations: Durations = {
    decision: (auditStart - decideStart) * 1000,
    audit: (performance.now() - auditStart) * 1000,
    upstream: 0,
  };
  const { decision, addresses, unresolved } = decided;
  if (!proceeds(decision)) return stop(deps, exchange, facts, target, receipt.id, decision, durations);
  const call: AllowedCall = { exchange, facts, target, before, preId: receipt.id, addresses, durations };
  if (unresolved === undefined) carry(deps, call);
  else failBefore(deps, call, unresolved);
}

async function stop(
  deps: CallDeps,
  exchange: Exchange,
  facts: CallFacts,
  target: TargetUrl,
  preId: string,
  decision: Decision,
  durations: Durations,
): Promise<void> {
  const reply = stopReply(decision, facts.identity, target.host);
  const outcome = { ...stopOutcome(decision, reply), duration_ms: elapsed(exchange) };
  const post = await deps.record(postExec(preId, outcome, callMetadata(durations, undefined, undefined)));
  sendReply(exchange, 'unrecorded' in post ? post.unrecorded : reply, preId);
}
