/**
 * WebSocket (RFC 6455): a call that, once its upstream agrees, is a connection in both directions. It is decided and
 * recorded as the call that it begins as; what passes afterwards is counted and not read.
 *
 * Placeholders in messages are not replaced: a program masks what it sends. What an upstream sends is looked through when
 * a credential went there: a message with the credential in it ends the connection, since nothing can be taken out of it
 * without changing its length. Compression is not offered then, because nothing could be found in it.
 */
import { createHash } from 'node:crypto';
import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { codeOf, type Failure } from './failure.ts';
import type { Relay } from './relay.ts';
import { buffersOf, responseHead } from './response-head.ts';
import { NO_SCRUBBER, type Scrubber } from './scrub.ts';
import { TUNNELS_FULL } from './tunnel.ts';

const WEBSOCKET = 'websocket';
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Other upgrades (h2c) are offers that a server may ignore, and are. */
export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === WEBSOCKET &&
    KEY.test(headers['sec-websocket-key'] ?? '') &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}

/**
 * For a request that node:http has handed over with its socket: what it answers goes there, and ends the connection
 * unless it is a 101. Undefined while another answer has the socket: one that node:http gives by itself, to a request
 * without Host, nobody else knows of.
 */
export function responseOn(request: IncomingMessage, socket: Socket): ServerResponse | undefined {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(socket);
  } catch (error) {
    if (codeOf(error) === 'ERR_HTTP_SOCKET_ASSIGNED') return undefined;
    throw error;
  }
  response.once('finish', () => socket.destroySoon());
  return response;
}

const BAD_ANSWER: Failure = {
  status: 'error',
  kind: 'bad_response',
  text: 'the upstream agreed to another protocol than the one it was asked for',
};

export const ECHOED: Failure = {
  status: 'error',
  kind: 'credential_echoed',
  text: 'the upstream sent the credential back in a message; the connection was ended before it got through',
};

export interface Upgrading {
  readonly request: IncomingMessage;
  readonly scrubber: Scrubber;
  /** Undefined: too many connections are open at once. Otherwise what gives the place back. */
  readonly take: () => (() => void) | undefined;
  /** `pairs`: the headers of the 101. The relay has nothing more to do. */
  readonly onUpgraded: (upstream: Socket, pairs: readonly string[], release: () => void) => void;
}

function agrees(request: IncomingMessage, headers: Record<string, string | string[] | undefined>): boolean {
  const { upgrade, 'sec-websocket-accept': accept } = headers;
  const key = request.headers['sec-websocket-key'] ?? '';
  const expected = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  return typeof upgrade === 'string' && upgrade.toLowerCase() === WEBSOCKET && accept === expected;
}

/** Any answer but a 101 is the relay's, as of every call. */
export function upgrading(relay: Relay, options: Upgrading): Dispatcher.DispatchHandler {
  const { request, scrubber } = options;
  return {
    ...relay.handler,
    onRequestUpgrade(controller, statusCode, headers, socket: Duplex) {
      const refuse = (failure: Failure): void => {
        socket.on('error', () => undefined).destroy();
        relay.fail(failure);
      };
      if (statusCode !== 101 || !agrees(request, headers) || !(socket instanceof Socket))
        return refuse(BAD_ANSWER);
      const release = options.take();
      if (release === undefined) return refuse(TUNNELS_FULL);
      const { pairs } = responseHead(buffersOf(controller.rawHeaders), scrubber.headers, true);
      if (!relay.leave()) {
        release();
        socket.on('error', () => undefined).destroy();
        return;
      }
      options.onUpgraded(socket, ['Connection', 'Upgrade', 'Upgrade', WEBSOCKET, ...pairs], release);
    },
  };
}

/** What of the request would keep its answers from being looked through. */
export function withoutExtensions(headers: string[], scrubber: Scrubber): string[] {
  if (scrubber === NO_SCRUBBER) return headers;
  return headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'sec-websocket-extensions');
}

/** Undefined: nothing is looked for. */
export function inspectorOf(scrubber: Scrubber): ((chunk: Buffer) => Failure | undefined) | undefined {
  if (scrubber === NO_SCRUBBER) return undefined;
  return (chunk) => {
    const before = scrubber.hits().count;
    scrubber.push(chunk);
    return scrubber.hits().count > before ? ECHOED : undefined;
  };
}
