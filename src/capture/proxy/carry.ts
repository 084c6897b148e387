/**
 * An allowed call, from its durable pre_exec to its post_exec: fetch the credential, inject it, send, stream the
 * response back. Every way out goes through `settle`, which records the one post_exec.
 */
import type { Dispatcher } from 'undici';
import type { Outcome } from '../../core/entry.ts';
import type { CredentialSource } from '../secrets/credentials.ts';
import type { BodyBefore } from './before.ts';
import { isJson, type Upload, uploadOf } from './body.ts';
import { type Fetched, fetchCredentials, wipe } from './credentials.ts';
import { callMetadata, type Durations } from './events.ts';
import {
  ABORTED,
  BROKEN,
  CLOSING,
  type Failure,
  placeholderInStream,
  UNRECORDED,
  UPLOAD_SILENT,
} from './failure.ts';
import { failureReply, replyStatus } from './failure-reply.ts';
import type { Flight } from './flight.ts';
import { gated } from './gate.ts';
import { watchFor } from './placeholder-watch.ts';
import { type Prepared, prepare } from './prepare.ts';
import type { PrivateRoots } from './private-roots.ts';
import { createRelay, type Relay, type RelayEnd } from './relay.ts';
import { isGone, lingerAfter } from './reply.ts';
import type { Scrubber, Scrubbers } from './scrub.ts';
import { answer, mayBeShown, type Settling, settle } from './settle.ts';
import type { Begun } from './standing.ts';
import { type TargetUrl, withoutQuery } from './target.ts';
import { upgrading, withoutExtensions } from './upgrade.ts';
import type { Lane, Peer, Upstreams } from './upstream.ts';
import { type StandingDeps, standAsWebSocket } from './websocket.ts';
import { provesConnection, type WireRequest } from './wire.ts';

export interface CarryDeps extends StandingDeps {
  readonly vault: Pick<CredentialSource, 'get' | 'placeOf' | 'refused' | 'servedBy'>;
  readonly upstreams: Upstreams;
  readonly scrubbers: Scrubbers;
  readonly requestBodyIdleMs: number;
  readonly clientStallMs: number;
  /** Undefined: the usual certificates are all that this target may be signed by. */
  readonly rootsFor: (target: TargetUrl) => PrivateRoots | undefined;
  readonly onBug: (error: unknown) => void;
}

export interface AllowedCall extends Settling {
  readonly target: TargetUrl;
  readonly before: BodyBefore;
  /** Checked. */
  readonly addresses: readonly string[];
  readonly durations: Durations;
  readonly flight: Flight;
  readonly begun: Begun;
  /** Of the pre_exec, where the call may go on before. */
  readonly durable: Promise<void> | undefined;
}

/** Nothing was sent: records it and answers. */
export function failBefore(deps: CarryDeps, call: AllowedCall, failure: Failure): void {
  const { exchange, target } = call;
  const outcome: Outcome = {
    status: failure.status,
    error_kind: failure.kind,
    error: failure.text,
    ...(isGone(exchange) ? {} : { status_code: replyStatus(failure) }),
  };
  const post = settle(deps, call, outcome, callMetadata(call.facts, call.durations, undefined, undefined));
  answer(call, post, failureReply(failure, target.host));
}

export function carry(deps: CarryDeps, call: AllowedCall): void {
  if (isGone(call.exchange)) {
    failBefore(deps, call, ABORTED);
    return;
  }
  let fetched: Fetched | Promise<Fetched>;
  try {
    fetched = fetchCredentials(deps.vault, call.facts.control.injections);
  } catch (error) {
    deps.onBug(error);
    failBefore(deps, call, BROKEN);
    return;
  }
  if (!(fetched instanceof Promise)) {
    sendWith(deps, call, fetched);
    return;
  }
  fetched
    .then((found) => {
      // While another store was asked the caller may have gone, and the call may have been switched off.
      const over = isGone(call.exchange) ? ABORTED : call.flight.failure();
      if (over === undefined) return sendWith(deps, call, found);
      if ('credentials' in found) wipe(found.credentials);
      failBefore(deps, call, over);
    })
    .catch(deps.onBug);
}

function sendWith(deps: CarryDeps, call: AllowedCall, fetched: Fetched): void {
  let prepared: Prepared;
  try {
    prepared = prepare(deps.scrubbers, call, fetched);
  } catch (error) {
    deps.onBug(error);
    prepared = { failure: BROKEN };
  }
  if ('failure' in prepared) failBefore(deps, call, prepared.failure);
  else send(deps, call, prepared.wire, prepared.scrubber);
}

function outcomeOf(
  call: AllowedCall,
  end: RelayEnd,
  upload: Upload | undefined,
  scrubber: Scrubber,
): Outcome {
  const { failure } = end;
  const { args, whole } = call.before;
  const hits = scrubber.hits();
  const requestHash =
    upload === undefined ? (args.kind === 'whole' ? args.sha256 : undefined) : upload.sha256();
  const answered = failure === undefined || end.headSent ? end.statusCode : replyStatus(failure);
  const told = failure === undefined || end.headSent || !isGone(call.exchange);
  return {
    status: failure?.status ?? 'ok',
    ...(told && answered !== undefined ? { status_code: answered } : {}),
    ...(failure === undefined ? {} : { error_kind: failure.kind, error: failure.text }),
    bytes_in: upload?.bytes() ?? whole?.length ?? 0,
    bytes_out: end.bytes,
    ...(requestHash === undefined ? {} : { request_hash: requestHash }),
    ...(end.sha256 === undefined ? {} : { result_hash: end.sha256 }),
    redacted: hits.count > 0,
    ...(hits.count > 0 ? { redaction: hits } : {}),
  };
}

/** Of credentials that are kept elsewhere than in the local vault. */
function servedFrom({ vault }: CarryDeps, { facts }: AllowedCall): Record<string, unknown> {
  const places = facts.control.injections.flatMap(({ ref }) => {
    const place = vault.servedBy?.(ref);
    return place === undefined ? [] : [[ref, place] as const];
  });
  return places.length === 0 ? {} : { credentials_from: Object.fromEntries(places) };
}

function redirectOf(end: RelayEnd, target: TargetUrl): string | undefined {
  const { statusCode = 0, location } = end;
  if (location === undefined || statusCode < 300 || statusCode > 399) return undefined;
  return withoutQuery(location, `${target.origin}${target.path}`);
}

function send(deps: CarryDeps, call: AllowedCall, wire: WireRequest, scrubber: Scrubber): void {
  const { exchange, facts, target, before, durations } = call;
  const { request, response } = exchange;
  const { method } = facts.control;
  const sent = performance.now();
  let peer: Peer | undefined;

  const watch = facts.control.forwarded === undefined ? undefined : watchFor(facts.control.claims.run_token);
  let inStream: string | undefined;
  const stops = (chunk: Buffer): boolean => {
    inStream ??= watch?.push(chunk);
    // JSON that is too long to be read is a long conversation.
    return inStream !== undefined && !isJson(facts.control);
  };
  let upload: Upload | undefined;
  if (before.args.kind === 'streamed') {
    exchange.takeBody();
    upload = uploadOf(request, before.first, deps.requestBodyIdleMs, stops, (why) => {
      if (why !== 'stopped') relay.fail(why === 'timeout' ? UPLOAD_SILENT : ABORTED);
      else relay.fail(placeholderInStream(inStream ?? ''));
    });
  }

  let lane: Lane | undefined;
  const onClose = (): void => relay.fail(ABORTED);
  const leave = deps.whileOpen(() => relay.fail(CLOSING));
  response.once('close', onClose);

  const relay = createRelay({
    response,
    method,
    host: target.host,
    scrubber,
    forwarded: facts.control.forwarded !== undefined,
    extra: ['X-Tally-Entry', call.preId],
    stallMs: deps.clientStallMs,
    onStart() {
      peer = lane?.peer();
    },
    wasReset: () => lane?.wasReset() === true,
    onBug(error) {
      lane?.destroy();
      deps.onBug(error);
    },
    onEnd(end) {
      leave();
      call.flight.land();
      response.off('close', onClose);
      durations.upstream = (performance.now() - sent) * 1000;
      const metadata = {
        ...callMetadata(facts, durations, peer, redirectOf(end, target)),
        ...(inStream === undefined || !isJson(facts.control) ? {} : { placeholders_left: [inStream] }),
        ...servedFrom(deps, call),
      };
      // It may have been replaced where it is kept; the next call then asks there.
      if (end.statusCode === 401) for (const { ref } of facts.control.injections) deps.vault.refused?.(ref);
      const post = settle(deps, call, outcomeOf(call, end, upload, scrubber), metadata);
      if (end.failure !== undefined) {
        lane?.destroy();
        upload?.stream.destroy();
        if (end.headSent) response.destroy();
        else answer(call, post, failureReply(end.failure, target.host));
        return false;
      }
      const shown = mayBeShown(call, post);
      return shown === true ? finished(shown) : Promise.resolve(shown).then(finished);
    },
  });

  function finished(shown: boolean): boolean {
    // The client is done with the request when its handler has returned.
    if (shown && request.complete && !provesConnection(wire)) queueMicrotask(() => lane?.release());
    else {
      // Not on record; or nobody may use the connection after this request, of which the upstream may not have taken all.
      lane?.destroy();
      upload?.stream.destroy();
      if (shown) lingerAfter(exchange);
    }
    return shown;
  }

  call.flight.onKill((failure) => relay.fail(failure));
  // Ended at once: nothing of it may leave.
  if (call.flight.failure() !== undefined) return;
  const roots = deps.rootsFor(target);
  if (roots !== undefined && 'failure' in roots) {
    relay.fail(roots.failure);
    return;
  }
  const length = facts.control.contentLength;
  const framed = upload !== undefined && length !== undefined ? ['content-length', String(length)] : [];
  const headers = [...wire.headers, ...framed];
  try {
    lane = deps.upstreams.take(target.origin, call.addresses, roots?.pem);
    lane.dispatch(
      {
        path: wire.path,
        method,
        headers: exchange.upgrade === undefined ? headers : withoutExtensions(headers, scrubber),
        body: upload?.stream ?? wire.body ?? null,
        ...(exchange.upgrade === undefined ? {} : { upgrade: 'websocket' }),
      },
      exchange.upgrade === undefined
        ? heldBack(call, relay)
        : upgrading(relay, {
            request,
            scrubber,
            take: deps.tunnels.take,
            onUpgraded(upstream, pairs, release) {
              leave();
              response.off('close', onClose);
              durations.upstream = (performance.now() - sent) * 1000;
              // It has no connection any more.
              setImmediate(() => lane?.destroy());
              const metadata = {
                ...callMetadata(facts, durations, peer, undefined),
                ...servedFrom(deps, call),
              };
              const { flight, begun } = call;
              const { host } = target;
              const up = { upstream, pairs, scrubber, flight, begun, host, metadata, release };
              standAsWebSocket(deps, call, up);
            },
          }),
    );
  } catch (error) {
    deps.onBug(error);
    relay.fail(BROKEN);
  }
}

/** `reply`: nothing of the answer is shown before the pre_exec is durable. */
function heldBack({ durability, durable }: AllowedCall, relay: Relay): Dispatcher.DispatchHandler {
  if (durability !== 'reply' || durable === undefined) return relay.handler;
  return gated(relay.handler, durable, () => relay.fail(UNRECORDED));
}
