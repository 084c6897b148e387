/**
 * CONNECT: a program asks for a connection to a host and port. What becomes of it the policy says (core/policy/connect):
 *
 *     intercept   the TLS inside ends here; each call in it is decided and recorded on its own, the CONNECT is not
 *     tunnel      decided; pre_exec durable; then connected to a checked address; bytes pass unread; post_exec
 *     stop        decided, recorded, refused
 *
 * A first request without a token where the policy wants one is how HTTP clients begin (RFC 9110 section 11.7.1): it is
 * told so and leaves no entry. A token that is not good leaves one.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Outcome } from '../../core/entry.ts';
import { connectWay } from '../../core/policy/connect.ts';
import { indexOf } from '../../core/policy/index-of.ts';
import type { Recorder } from '../../recorder/api.ts';
import type { Leaves } from '../ca/leaves.ts';
import type { Forwarded } from './arrival.ts';
import { connectAuthority } from './authority.ts';
import { type Asked, type ConnectDeps, elapsedMs } from './connect-deps.ts';
import { connectPoint } from './connect-events.ts';
import { LOOP } from './failure.ts';
import { isOwnTarget } from './loop.ts';
import { CHALLENGE, proxyClaims } from './proxy-authorization.ts';
import { rawReply } from './raw-reply.ts';
import { badRequest, type Reply } from './reply.ts';
import { type TlsFailure, terminate, tlsRefused } from './terminate.ts';
import { openTunnel } from './tunnelled.ts';
import { whoseOf } from './whose.ts';

function outcomeOf(reply: Reply, started: number): Outcome {
  const { reason, error, message } = reply.body;
  return {
    status: reason === 'bad_request' ? 'error' : 'blocked',
    status_code: reply.status,
    error_kind: reason,
    error: message ?? error,
    duration_ms: elapsedMs(started),
  };
}

async function refuse(
  deps: ConnectDeps,
  { socket, connection, started }: Asked,
  reply: Reply,
  headers: readonly string[] = [],
): Promise<void> {
  const receipt = await deps.record(connectPoint(connection, outcomeOf(reply, started)));
  if ('unrecorded' in receipt) rawReply(socket, receipt.unrecorded);
  else rawReply(socket, reply, headers, receipt.id);
}

/** No entry: a client that has a token sends it when it is asked. */
export const CHALLENGED: Reply = {
  status: 407,
  body: {
    error: 'who are you? the policy wants a token of a run: start the program with tally run',
    reason: 'identity_missing',
  },
};

function badToken(reason: string): Reply {
  const message = 'the token in Proxy-Authorization is not good; start the program with tally run';
  return { status: 407, body: { error: message, reason } };
}

/** True where the policy lets nobody in without a token, and there is none: asked for, as HTTP has it, and not recorded. */
export function wantsToken(recorder: Pick<Recorder, 'policy'>, authorization: string | undefined): boolean {
  return authorization === undefined && recorder.policy().compiled.identity.anonymous === 'stop';
}

/** Resolves when it is refused, or on its way. Never rejects but for a bug. */
export async function handleConnect(
  deps: ConnectDeps,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const started = performance.now();
  const { recorder } = deps;
  const authorization = request.headers['proxy-authorization'];
  if (wantsToken(recorder, authorization)) {
    deps.onStray();
    rawReply(socket, CHALLENGED, CHALLENGE);
    return;
  }
  const authority = connectAuthority(request.url ?? '');
  const to = 'problem' in authority ? undefined : authority;
  const read = authorization === undefined ? {} : proxyClaims(authorization);
  const claims = read ?? { run_token: '' };
  const identity = recorder.identify(claims);
  // Of the calls inside too: it is looked for while the TLS begins.
  const caller = deps.callers?.of(socket);
  const asked: Asked = {
    claims,
    socket,
    head,
    started,
    connection: { ...whoseOf(recorder, deps, identity, caller), to },
  };
  if (authorization !== undefined && (read === undefined || identity.failure !== undefined))
    return refuse(deps, asked, badToken(identity.failure ?? 'token_invalid'), CHALLENGE);
  if (to === undefined)
    return refuse(deps, asked, badRequest('problem' in authority ? authority.problem : ''));
  if (isOwnTarget(to, deps.isOwnPort)) return refuse(deps, asked, LOOPED);
  const { compiled } = recorder.policy();
  const { way } = connectWay(compiled, indexOf(compiled), to.host, to.port);
  if (way !== 'intercept') return openTunnel(deps, asked, to);
  if (deps.leaves === undefined) return refuse(deps, asked, NO_AUTHORITY);
  intercept(deps, asked, deps.leaves, {
    scheme: 'https',
    authority: request.url ?? '',
    authorization,
    intercepted: true,
  });
}

const LOOPED: Reply = {
  status: 403,
  body: { error: LOOP.kind, message: LOOP.text, reason: LOOP.kind },
};

const NO_AUTHORITY: Reply = {
  status: 502,
  body: {
    error: 'this broker has no certificate authority, so it cannot read TLS; use `tally run` or `tally up`',
    reason: 'ca_unavailable',
  },
};

/** Connections that close so soon after their handshake, without a request, did not like what they saw. */
const REFUSED_WITHIN_MS = 2_000;

function intercept(
  deps: ConnectDeps,
  { socket, head, connection, started }: Asked,
  leaves: Leaves,
  around: Forwarded,
): void {
  const { to } = connection;
  if (to === undefined) return;
  const failed = (failure: TlsFailure): void => {
    const outcome: Outcome = {
      status: failure.status,
      error_kind: failure.kind,
      error: failure.text,
      duration_ms: elapsedMs(started),
    };
    // Not awaited: `close` does.
    void deps.record(connectPoint(connection, outcome));
  };
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  const abort = terminate(socket, head, to, leaves, {
    handshakeMs: deps.handshakeMs,
    onReady(inner, scheme) {
      left();
      const used = deps.serve(inner, { ...around, scheme });
      if (scheme === 'http') return;
      const ready = performance.now();
      inner.once('close', () => {
        // At close it is us who left.
        if (used() || deps.isClosing()) return;
        if (performance.now() - ready < REFUSED_WITHIN_MS) failed(tlsRefused(to.host));
        else deps.onStray();
      });
    },
    onFailure(failure) {
      left();
      failed(failure);
    },
    onSilence() {
      left();
      deps.onStray();
    },
  });
  // Nothing of it is under way yet.
  const left = deps.whileServing(abort);
}
