/** A CONNECT that is decided: stopped, or connected to a checked address and passed on unread. Two entries either way. */
import type { Socket } from 'node:net';
import type { Decision, Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Acted, Ask } from '../../recorder/api.ts';
import type { Authority } from './authority.ts';
import { type Asked, type ConnectDeps, elapsedMs } from './connect-deps.ts';
import { connectAsk, connectPre } from './connect-events.ts';
import { postExec } from './events.ts';
import {
  ABORTED,
  CHANGED,
  CLOSING,
  codeOf,
  type Failure,
  isKilled,
  LOOP,
  upstreamFailure,
} from './failure.ts';
import type { Flight } from './flight.ts';
import { waitFor } from './hold.ts';
import { leadsHere } from './loop.ts';
import { CHALLENGE } from './proxy-authorization.ts';
import { rawReply } from './raw-reply.ts';
import type { Reply } from './reply.ts';
import { type Begun, isToBeRead } from './standing.ts';
import { proceeds } from './stop.ts';
import { endAsked, endStopped, goesOnAfter, type Stopped } from './stopped.ts';
import { dial, TUNNELS_FULL, type TunnelEnd, tunnel } from './tunnel.ts';

interface Found {
  readonly addresses?: readonly string[];
  readonly unresolved?: Failure;
}

/** As for a call: a name that may not be connected to is not looked up either. */
async function find(deps: ConnectDeps, ask: Ask, { host }: Authority): Promise<Found> {
  const addresses = deps.book.known(host);
  if (addresses !== undefined) return { addresses };
  const { request, ...read } = ask;
  if (!proceeds(deps.recorder.decide(request, read))) return {};
  try {
    return { addresses: await deps.book.resolve(host) };
  } catch (error) {
    const text = `${host} has no address that could be found (${codeOf(error)})`;
    return { unresolved: { status: 'error', kind: 'dns_failed', text } };
  }
}

const LIMITED = /^(rate_limited_.*|burst_limited)$/;

function replyTo(decision: Decision, { connection }: Asked, approval: Acted['approval']): Reply {
  const asksWho = decision.reason === 'identity_missing' && connection.identity.level === 'anonymous';
  const status = asksWho ? 407 : LIMITED.test(decision.reason ?? '') ? 429 : 403;
  const reason =
    decision.outcome === 'approval_required'
      ? 'policy_approval_required'
      : (decision.reason ?? 'policy_denied');
  const message = decision.message ?? 'the policy stops this connection';
  return {
    status,
    body: {
      error: reason,
      message,
      reason,
      ...(connection.to === undefined ? {} : { domain: connection.to.host }),
      ...(approval === undefined ? {} : { approval_id: approval.id, expires_at: approval.expires_at }),
    },
    ...(status === 429
      ? { retryAfterS: Math.max(1, Math.ceil((decision.retry_after_ms ?? 1_000) / 1000)) }
      : {}),
  };
}

const headersOf = ({ status }: Reply): readonly string[] => (status === 407 ? CHALLENGE : []);

interface Timing {
  readonly decision: number;
  readonly audit: number;
}

function metadataOf(
  { decision, audit }: Timing,
  more: Record<string, unknown> = {},
  upstream = 0,
): Record<string, unknown> {
  return {
    via: 'tunnel',
    durations_us: {
      decision: Math.round(decision * 1000),
      audit: Math.round(audit * 1000),
      upstream: Math.round(upstream * 1000),
    },
    ...more,
  };
}

function failureOutcome(failure: Failure, started: number): Outcome {
  return {
    status: failure.status,
    error_kind: failure.kind,
    error: failure.text,
    duration_ms: elapsedMs(started),
  };
}

/** Resolves when it is refused, or when the tunnel stands. Never rejects but for a bug. */
export async function openTunnel(deps: ConnectDeps, asked: Asked, to: Authority): Promise<void> {
  for (let held = false; ; held = true) {
    const waits = await attempt(deps, asked, to, held);
    if (waits === undefined || !(await waits())) return;
  }
}

async function attempt(
  deps: ConnectDeps,
  asked: Asked,
  to: Authority,
  held: boolean,
): Promise<(() => Promise<boolean>) | undefined> {
  const { socket, connection, started } = asked;
  const ask = connectAsk(connection);
  const flight = deps.flights.begin(ask.request, connection.identity);
  socket.once('close', flight.land);
  const decideStart = performance.now();
  const { addresses, unresolved } = await find(deps, ask, to);
  const auditStart = performance.now();
  const asking = addresses === undefined ? ask : { ...ask, addresses };
  const acted = await deps.act(asking, (decision) => connectPre(connection, decision));
  if ('unrecorded' in acted) {
    rawReply(socket, acted.unrecorded);
    return undefined;
  }
  const { decision, receipt, approval } = acted;
  const timing = { decision: auditStart - decideStart, audit: performance.now() - auditStart };
  if (proceeds(decision)) {
    const failure =
      unresolved ??
      flight.failure() ??
      (addresses === undefined || isToBeRead(ask.request, decision) ? CHANGED : undefined) ??
      (leadsHere(to.port, addresses, deps.isOwnPort) ? LOOP : undefined) ??
      (socket.destroyed ? ABORTED : undefined);
    const begun: Begun = { ask: asking, decision };
    const open: Open = { deps, asked, to, timing, flight, begun, preId: receipt.id };
    if (failure === undefined) await carry(open, addresses ?? []);
    else failed(open, failure);
    return undefined;
  }
  const stopped: Stopped = {
    host: to.host,
    flight,
    preId: receipt.id,
    metadata: metadataOf(timing),
    facts: connection,
    reply: replyTo(decision, asked, approval),
    elapsedMs: () => elapsedMs(started),
    isGone: () => socket.destroyed,
    send: (reply, entry) => rawReply(socket, reply, headersOf(reply), entry),
  };
  if (decision.outcome !== 'approval_required') await endStopped(deps, stopped);
  else if (approval === undefined || held) await endAsked(deps, stopped, stopped.reply);
  else return async () => goesOnAfter(deps, stopped, await waitFor(deps, approval, socket, flight));
  return undefined;
}

interface Open {
  readonly deps: ConnectDeps;
  readonly asked: Asked;
  readonly to: Authority;
  readonly timing: Timing;
  readonly flight: Flight;
  readonly begun: Begun;
  /** The durable pre_exec. */
  readonly preId: string;
}

function failed({ deps, asked, to, timing, flight, preId }: Open, failure: Failure): void {
  flight.land();
  const { socket, started } = asked;
  const status = isKilled(failure) ? 403 : failure.kind === TUNNELS_FULL.kind ? 503 : 502;
  const outcome = failureOutcome(failure, started);
  if (!socket.destroyed) outcome.status_code = status;
  // Not awaited: `close` does.
  void deps.record(postExec(preId, outcome, metadataOf(timing), asked.connection));
  const { kind, text } = failure;
  rawReply(socket, { status, body: { error: text, reason: kind, domain: to.host } }, [], preId);
}

async function carry(open: Open, addresses: readonly string[]): Promise<void> {
  const { deps, asked, to, flight } = open;
  const release = deps.tunnels.take();
  if (release === undefined) return failed(open, TUNNELS_FULL);
  const ended = new AbortController();
  let why: Failure | undefined;
  const giveUp = (failure: Failure) => (): void => {
    why ??= failure;
    ended.abort();
  };
  const onGone = giveUp(ABORTED);
  asked.socket.once('close', onGone);
  const leave = deps.whileOpen(giveUp(CLOSING));
  flight.onKill((failure) => giveUp(failure)());
  const dialled = performance.now();
  let upstream: Socket | undefined;
  try {
    upstream = await dial(to.host, to.port, addresses, deps.connectMs, ended.signal);
  } catch (error) {
    why ??= upstreamFailure(error, to.host);
  }
  leave();
  asked.socket.off('close', onGone);
  if (upstream !== undefined && why === undefined) {
    stand(open, upstream, performance.now() - dialled, release);
    return;
  }
  upstream?.destroy();
  release();
  failed(open, why ?? ABORTED);
}

function stand(open: Open, upstream: Socket, connectMs: number, release: () => void): void {
  const { deps, asked, to, timing, flight, begun, preId } = open;
  const { socket, head, started } = asked;
  let unwatch = (): void => undefined;
  const address = upstream.remoteAddress ?? '';
  socket.write(`HTTP/1.1 200 Connection Established\r\nX-Tally-Entry: ${preId}\r\n\r\n`);
  const standing = tunnel(socket, upstream, head, {
    host: to.host,
    idleMs: deps.tunnelIdleMs,
    halfOpenMs: deps.tunnelHalfOpenMs,
    onEnd(end) {
      leave();
      stay();
      unwatch();
      flight.land();
      release();
      const metadata = metadataOf(timing, { address, ended_by: end.by }, connectMs);
      void deps.record(postExec(preId, tunnelOutcome(end, started), metadata, asked.connection));
    },
  });
  const leave = deps.whileOpen(() => standing.fail(CLOSING));
  const stay = deps.whileServing(() => standing.hurry(LIMITS.tunnelDrainMs));
  unwatch = deps.stands.watch({ ...begun, claims: asked.claims, end: standing.fail });
  flight.onKill((failure) => standing.fail(failure));
}

function tunnelOutcome({ failure, sent, received }: TunnelEnd, started: number): Outcome {
  return {
    status: failure?.status ?? 'ok',
    status_code: 200,
    ...(failure === undefined ? {} : { error_kind: failure.kind, error: failure.text }),
    bytes_in: sent,
    bytes_out: received,
    duration_ms: elapsedMs(started),
  };
}
