/**
 * The end of a program's TLS. After the 200 the first byte says what is spoken inside: a TLS handshake is ended here,
 * with a certificate for the host of the CONNECT; anything else is plain http, for which some clients use CONNECT too.
 *
 * The host of the CONNECT is what was looked up in the policy, so it is what the certificate is for; a handshake that
 * names another one (SNI) fails. Programs that do not trust the certificate end the handshake, or the connection
 * right after it: what they said of it is what a developer has to see, so it is on record.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { isTallyError } from '../../core/error.ts';
import { formatHostPort, shown } from '../../core/policy/hosts.ts';
import type { Leaves } from '../ca/leaves.ts';
import { type Authority, sameAuthority } from './authority.ts';

const TLS_HANDSHAKE = 0x16;

/** Why there is no call inside. */
export interface TlsFailure {
  readonly status: 'error' | 'timeout' | 'aborted';
  readonly kind:
    | 'tls_untrusted'
    | 'tls_refused'
    | 'tls_wrong_name'
    | 'tls_failed'
    | 'tls_timeout'
    | 'ca_unavailable';
  readonly text: string;
}

export interface Termination {
  /** The requests inside are to be read from `inner`. */
  readonly onReady: (inner: Duplex, scheme: 'http' | 'https') => void;
  readonly onFailure: (failure: TlsFailure) => void;
  /** It closed, or stayed silent for too long, before it said anything. */
  readonly onSilence: () => void;
  readonly handshakeMs: number;
}

const TRUST =
  'set SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE or what the program reads to the file that `tally ca path` prints (`tally run` does), or name the host under tunnel in the policy';

/** Alerts of RFC 8446 section 6.2, as OpenSSL calls them, that say that the certificate was not believed. */
const UNTRUSTED =
  /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_REQUIRED|ACCESS_DENIED)/;
const CODE = /^[A-Z][A-Z0-9_/]{1,60}$/;

function tlsCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && CODE.test(code) ? code : 'UNKNOWN';
}

/** Some check the certificate after the handshake and then simply close: all that there is to see is that they left. */
export function tlsRefused(host: string): TlsFailure {
  return {
    status: 'aborted',
    kind: 'tls_refused',
    text: `the program closed the connection to ${host} at the TLS handshake, without a request; if it does not trust the broker: ${TRUST}`,
  };
}

function failureOf(error: unknown, host: string): TlsFailure {
  const code = tlsCode(error);
  if (UNTRUSTED.test(code))
    return {
      status: 'error',
      kind: 'tls_untrusted',
      text: `the program does not trust the certificate that the broker shows for ${host} (${code}); ${TRUST}`,
    };
  if (code === 'ECONNRESET' || code === 'EPIPE') return tlsRefused(host);
  return { status: 'error', kind: 'tls_failed', text: `the TLS handshake for ${host} failed (${code})` };
}

function wrongName(host: string, name: string): TlsFailure {
  return {
    status: 'error',
    kind: 'tls_wrong_name',
    text: `the program asked for a connection to ${host} and inside it for the certificate of ${shown(name)}; nothing was sent`,
  };
}

/** Calls `done` once, with what came of the handshake. */
function handshake(
  socket: Socket,
  { host }: Authority,
  secureContext: SecureContext,
  done: (inner: TLSSocket, failure: TlsFailure | undefined) => void,
): TLSSocket {
  let named: string | undefined;
  let over = false;
  const inner = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    ALPNProtocols: ['http/1.1'],
    SNICallback(name, answer) {
      if (sameAuthority('https', name, formatHostPort(host))) return answer(null, secureContext);
      named = name;
      answer(new Error('another name than that of the CONNECT'));
    },
  });
  const finish = (failure: TlsFailure | undefined): void => {
    if (over) return;
    over = true;
    inner.off('end', onLeft).off('close', onLeft);
    // After the handshake a TLSSocket without a server tells of errors here and nowhere else.
    inner.on('_tlsError', () => inner.destroy());
    done(inner, failure);
  };
  const onLeft = (): void => finish(tlsRefused(host));
  // For good: an error without a listener would end the process.
  inner.on('error', (error) => finish(named === undefined ? failureOf(error, host) : wrongName(host, named)));
  inner.on('end', onLeft).on('close', onLeft);
  inner.once('secure', () => finish(undefined));
  return inner;
}

/** The connection has been told that it stands. Returns what ends it while it is not ready yet. */
export function terminate(
  socket: Socket,
  head: Buffer,
  to: Authority,
  leaves: Leaves,
  events: Termination,
): () => void {
  let over = false;
  let outer: { destroy(): void } = socket;

  const settle = (told: () => void): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.off('close', onGone).off('data', onFirst).off('end', onGone);
    told();
  };
  const fail = (failure: TlsFailure): void => {
    settle(() => events.onFailure(failure));
    outer.destroy();
  };
  const silent = (): void => {
    settle(events.onSilence);
    socket.destroy();
  };
  let onLate = silent;
  const onGone = (): void => silent();
  const timer = setTimeout(() => onLate(), events.handshakeMs);

  async function startTls(): Promise<void> {
    let context: SecureContext;
    try {
      const asked = leaves.of(to.host);
      context = asked instanceof Promise ? await asked : asked;
    } catch (error) {
      const why = isTallyError(error) ? error.message : 'it cannot be read';
      fail({
        status: 'error',
        kind: 'ca_unavailable',
        text: `no certificate for ${to.host} can be made: ${why}`,
      });
      return;
    }
    if (socket.destroyed) return silent();
    if (over) return;
    outer = handshake(socket, to, context, (inner, failure) => {
      if (failure !== undefined) fail(failure);
      else settle(() => events.onReady(inner, 'https'));
    });
  }

  function onFirst(chunk: Buffer): void {
    socket.pause();
    socket.off('close', onGone).off('end', onGone);
    socket.unshift(chunk);
    if (chunk[0] !== TLS_HANDSHAKE) {
      settle(() => events.onReady(socket, 'http'));
      return;
    }
    onLate = () =>
      fail({
        status: 'timeout',
        kind: 'tls_timeout',
        text: `the TLS handshake for ${to.host} was not finished in ${events.handshakeMs} ms`,
      });
    void startTls();
  }

  socket.once('close', onGone).once('end', onGone);
  // Never before this returned.
  if (head.length > 0) process.nextTick(onFirst, head);
  else socket.once('data', onFirst);
  return silent;
}
