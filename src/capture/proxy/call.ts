/**
 * One header-addressed call, in the order that everything rests on:
 *
 *     parse → identify → decide → resolve once → decide with the addresses, and pre_exec durable
 *           → fetch the credential → inject → connect to a checked address → stream, scrubbed → post_exec
 *
 * Nothing leaves and no credential is read before the pre_exec is durable; a log that cannot be written stops every
 * call. Whatever happens afterwards ends in exactly one post_exec. A call that wants a person is held; when its request
 * is answered meanwhile it ends as resumed and is decided anew, in two entries of their own that tell how it ended.
 */
import type { Decision, Event } from '../../core/entry.ts';
import type { DecisionRequest } from '../../core/policy/types.ts';
import type { Acted, Ask, Recorder } from '../../recorder/api.ts';
import { readArguments, shownCall } from './arguments.ts';
import { type BodyBefore, type BodyLimits, readBefore } from './before.ts';
import { isForm } from './body.ts';
import type { Callers } from './caller.ts';
import { type AllowedCall, type CarryDeps, carry, failBefore } from './carry.ts';
import { argsOf, type CallFacts, callMetadata, type Durations, decisionRequest, preExec } from './events.ts';
import { CHANGED, codeOf, type Failure, LOOP } from './failure.ts';
import type { Flights } from './flight.ts';
import { parseForward } from './forward.ts';
import { type ControlHeaders, parseControl } from './headers.ts';
import { type Holds, waitFor, wouldNotWait } from './hold.ts';
import { type IsOwnPort, isOwnTarget, leadsHere, refuseLoop } from './loop.ts';
import { useInBody, useInHead } from './placeholder-use.ts';
import { refuseBad, refusePlaceholder } from './refuse.ts';
import { type Exchange, elapsed, isGone, type Reply, sendReply } from './reply.ts';
import type { AddressBook } from './resolve.ts';
import { acceptedReply, proceeds, stopReply } from './stop.ts';
import { endAsked, endStopped, goesOnAfter, type Stopped } from './stopped.ts';
import type { TargetUrl } from './target.ts';
import { newTrace, traceOf } from './trace.ts';
import { type Place, whoseOf } from './whose.ts';

/** Decided and durable, or what the caller is told when it is not. */
export type ActedOn = Acted | { readonly unrecorded: Reply };

export interface CallDeps extends CarryDeps, BodyLimits, Place {
  readonly recorder: Pick<
    Recorder,
    'identify' | 'decide' | 'tenant' | 'policy' | 'principal' | 'runPid' | 'waitForApproval'
  >;
  /** Never rejects, as `record`. */
  readonly act: (ask: Ask, event: (decision: Decision) => Event) => Promise<ActedOn>;
  readonly book: AddressBook;
  readonly flights: Flights;
  readonly isOwnPort: IsOwnPort;
  readonly holds: Holds;
  readonly callers: Pick<Callers, 'of'> | undefined;
}

/** What of a request says who calls, and where to. */
interface Said {
  readonly request: Pick<Exchange['request'], 'rawHeaders' | 'method' | 'url' | 'socket'>;
  readonly arrival: Exchange['arrival'];
}

function controlOf({ request, arrival }: Said): ControlHeaders {
  const { rawHeaders, method = 'GET', url = '' } = request;
  return arrival.kind === 'forward'
    ? parseForward(arrival, rawHeaders, method, url)
    : parseControl(rawHeaders, method);
}

export function factsOf(deps: CallDeps, exchange: Said): CallFacts {
  const { recorder } = deps;
  const control = controlOf(exchange);
  const identity = recorder.identify(control.claims);
  const whose = whoseOf(recorder, deps, identity, deps.callers?.of(exchange.request.socket));
  const { trace, quality, forward } = traceOf(control.forward, newTrace);
  return {
    ...whose,
    // A program that does not know of us sends what it wrote and nothing else.
    control: control.forwarded === undefined ? { ...control, forward } : control,
    trace,
    quality: { ...whose.quality, ...quality },
    placeOf: deps.vault.placeOf,
  };
}

/** The same for as long as the call lasts. */
function askOf(facts: CallFacts, before: BodyBefore, request: DecisionRequest): Ask {
  const { control, identity } = facts;
  let body: { readonly value: unknown } | undefined;
  const read = (): unknown => {
    body ??= { value: readArguments(control, before) };
    return body.value;
  };
  return {
    request,
    identity,
    ...argsOf(control, before.args),
    facts_from: () => read() ?? {},
    shown: () => shownCall(control, before, read()),
  };
}

interface Resolved {
  readonly addresses?: readonly string[];
  /** The decision allows it, but the name has no addresses. */
  readonly unresolved?: Failure;
}

/**
 * A stop without addresses comes first: a name that may not be called must not be looked up either, because a lookup
 * carries what is written in the name to whoever answers it.
 */
function resolveFor(deps: CallDeps, ask: Ask, target: TargetUrl): Resolved | Promise<Resolved> {
  const addresses = deps.book.known(target.host);
  if (addresses !== undefined) return { addresses };
  const { request, ...read } = ask;
  return proceeds(deps.recorder.decide(request, read)) ? lookUp(deps, target) : {};
}

async function lookUp(deps: CallDeps, target: TargetUrl): Promise<Resolved> {
  try {
    return { addresses: await deps.book.resolve(target.host) };
  } catch (error) {
    const text = `upstream ${target.host} has no address that could be found (${codeOf(error)})`;
    return { unresolved: { status: 'error', kind: 'dns_failed', text } };
  }
}

/** An upgrade has no answer that could be held. */
const goesOn = ({ request }: Exchange): { readonly mayGoOn?: true } =>
  request.headers.upgrade === undefined ? { mayGoOn: true } : {};

/** What a call is made of, once its body is read. */
interface Call {
  readonly exchange: Exchange;
  readonly facts: CallFacts;
  readonly target: TargetUrl;
  readonly before: BodyBefore;
  readonly ask: Ask;
}

/** Resolves when the call is settled or handed to its stream. Never rejects but for a bug. */
export async function handleCall(deps: CallDeps, exchange: Exchange): Promise<void> {
  const read = factsOf(deps, exchange);
  const { problem, target } = read.control;
  if (problem !== undefined || target === undefined)
    return refuseBad(deps, exchange, read, problem ?? 'X-AS-Target-URL header is required');
  if (isOwnTarget(target, deps.isOwnPort)) return refuseLoop(deps, exchange, read);
  const { compiled } = deps.recorder.policy();
  const head = useInHead(read.control, compiled);
  if ('refused' in head) return refusePlaceholder(deps, exchange, read, head.refused);
  const reading = readBefore(deps, exchange, { ...read, control: head.control }, deps);
  const before = reading instanceof Promise ? await reading : reading;
  if (before === undefined) return;
  const use = useInBody(head.control, before.whole, isForm(head.control) ? 'form' : 'json', compiled);
  if ('refused' in use) return refusePlaceholder(deps, exchange, read, use.refused);
  const facts: CallFacts = { ...read, control: use.control, said: use.said };

  const request = decisionRequest(facts, before.args);
  const call: Call = { exchange, facts, target, before, ask: askOf(facts, before, request) };
  for (let held = false; ; held = true) {
    const waits = await attempt(deps, call, held);
    if (waits === undefined || !(await waits())) return;
  }
}

/** Undefined: it is over, or on its way. Otherwise what waits for a person, and resolves to whether to try again. */
async function attempt(
  deps: CallDeps,
  call: Call,
  held: boolean,
): Promise<(() => Promise<boolean>) | undefined> {
  const { exchange, facts, target, before } = call;
  const flight = deps.flights.begin(call.ask.request, facts.identity);
  exchange.response.once('close', flight.land);
  const decideStart = performance.now();
  const resolving = resolveFor(deps, call.ask, target);
  const { addresses, unresolved } = resolving instanceof Promise ? await resolving : resolving;
  const ask = addresses === undefined ? call.ask : { ...call.ask, addresses, ...goesOn(exchange) };
  const auditStart = performance.now();
  const acted = await deps.act(ask, (decision) => preExec(facts, decision));
  if ('unrecorded' in acted) {
    sendReply(exchange, acted.unrecorded);
    return undefined;
  }
  const { decision, receipt } = acted;
  const durations: Durations = {
    decision: (auditStart - decideStart) * 1000,
    audit: (performance.now() - auditStart) * 1000,
    upstream: 0,
  };
  if (proceeds(decision)) {
    const allowed: AllowedCall = {
      exchange,
      facts,
      target,
      before,
      preId: receipt.id,
      addresses: addresses ?? [],
      durations,
      flight,
      begun: { ask, decision },
      durability: acted.durability ?? 'intent',
      durable: acted.durable,
    };
    const failure =
      unresolved ??
      flight.failure() ??
      (addresses === undefined ? CHANGED : undefined) ??
      (leadsHere(target.port, addresses, deps.isOwnPort) ? LOOP : undefined);
    if (failure === undefined) carry(deps, allowed);
    else failBefore(deps, allowed, failure);
    return undefined;
  }
  const reply = stopReply(decision, facts, target.host, acted.approval);
  const stopped: Stopped = {
    host: target.host,
    flight,
    preId: receipt.id,
    metadata: callMetadata(facts, durations, undefined, undefined),
    facts,
    reply,
    elapsedMs: () => elapsed(exchange),
    isGone: () => isGone(exchange),
    send: (told, entry) => sendReply(exchange, told, entry),
  };
  const { approval } = acted;
  if (decision.outcome !== 'approval_required') await endStopped(deps, stopped);
  else if (approval === undefined || held) await endAsked(deps, stopped, reply);
  else if (wouldNotWait(exchange)) await endAsked(deps, stopped, acceptedReply(reply));
  else
    return async () => goesOnAfter(deps, stopped, await waitFor(deps, approval, exchange.response, flight));
  return undefined;
}
