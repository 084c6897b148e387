/**
 * What node's parser refuses: bytes that are no HTTP request, or one with two meanings. It is answered, and on record
 * where it was meant as a call: inside of a CONNECT, in the form of a request to a proxy, or with control headers. No web
 * page can send any of these, so none can fill the log; other bytes are counted.
 *
 * The entry says who and where to, as far as that can be told, and never what was sent: nobody understood it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Event, Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Arrival, Forwarded } from './arrival.ts';
import { type CallDeps, factsOf } from './call.ts';
import { refused } from './events.ts';
import { codeOf } from './failure.ts';
import { rawReply } from './raw-reply.ts';
import { badRequest, type Reply } from './reply.ts';

/** A request that has no answer yet, or not all of it. */
export interface Underway {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What is known of the connection. */
export interface Around {
  /** The CONNECT that the bytes came inside of. */
  readonly around: Forwarded | undefined;
  readonly underway: Underway | undefined;
}

export interface Garbage {
  /** Answers, records. */
  meet(error: unknown, socket: Socket, known: Around): void;
}

function replyTo(code: string): Reply {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return badRequest(`the head of the request is longer than ${LIMITS.requestHeaderBytes} bytes`, 431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, body: { error: 'the request did not come in time', reason: 'client_timeout' } };
    default:
      return badRequest(`what was sent is no HTTP/1.1 request (${code})`);
  }
}

/** Read as far as it looks like a head, only to tell what it was meant as. */
interface Meant {
  readonly arrival: Arrival;
  readonly url: string;
  /** Those that say who calls. */
  readonly headers: readonly string[];
}

const REQUEST_LINE = /^([A-Z]{1,20}) ([!-~]+)/;
const ABSOLUTE = /^(https?):\/\/([^/?#]+)/i;
const CONTROL = /^(x-as-[!-9;-~]+|proxy-authorization) *: *(.*?) *$/i;
const WHO = new Set(['x-as-session-token', 'x-as-agent-token', 'x-as-agent-id']);

function meantAs(error: unknown): Meant | undefined {
  const packet =
    typeof error === 'object' && error !== null && 'rawPacket' in error ? error.rawPacket : undefined;
  if (!Buffer.isBuffer(packet)) return undefined;
  const text = packet.toString('latin1', 0, LIMITS.requestHeaderBytes);
  const [line = '', ...lines] = text.split(/\r?\n\r?\n/, 1)[0]?.split(/\r?\n/) ?? [];
  const named = lines.flatMap((one): [string, string][] => {
    const [, name = '', value = ''] = CONTROL.exec(one) ?? [];
    return name === '' ? [] : [[name.toLowerCase(), value]];
  });
  const proofs = named.filter(([name]) => name === 'proxy-authorization');
  const [, method, target = ''] = REQUEST_LINE.exec(line) ?? [];
  const url = method === 'CONNECT' ? `https://${target}/` : target;
  const [, scheme, authority] = ABSOLUTE.exec(url) ?? [];
  if (scheme !== undefined && authority !== undefined)
    return {
      arrival: {
        kind: 'forward',
        scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
        authority,
        // Of two nobody knows which one was meant.
        authorization: proofs.length === 1 ? proofs[0]?.[1] : undefined,
        intercepted: false,
      },
      url,
      headers: [],
    };
  if (named.length === 0) return undefined;
  return { arrival: { kind: 'addressed' }, url: '', headers: named.filter(([name]) => WHO.has(name)).flat() };
}

function entryOf(deps: CallDeps, socket: Socket, meant: Meant, reply: Reply): Event {
  const { reason, error } = reply.body;
  const outcome: Outcome = { status: 'error', status_code: reply.status, error_kind: reason, error };
  const request = { rawHeaders: [...meant.headers], method: 'GET', url: meant.url, socket };
  const event = refused(factsOf(deps, { request, arrival: meant.arrival }), outcome);
  if (event.action?.target === undefined) return event;
  // Neither method nor path was understood.
  const { scheme, host, port } = event.action.target;
  return { ...event, action: { ...event.action, target: { scheme, host, port } } };
}

export function createGarbage(deps: CallDeps, onStray: () => void): Garbage {
  /** Each further piece that comes is an error again. */
  const met = new WeakSet<Socket>();

  return {
    meet(error, socket, { around, underway }) {
      const code = codeOf(error);
      if (code === 'ECONNRESET') {
        if (around === undefined) onStray();
        socket.destroy();
        return;
      }
      if (met.has(socket)) return;
      met.add(socket);
      const reply = replyTo(code);
      if (underway !== undefined) {
        onStray();
        endAfter(socket, underway, reply);
        return;
      }
      const meant: Meant | undefined =
        around === undefined
          ? meantAs(error)
          : { arrival: { kind: 'forward', ...around }, url: '/', headers: [] };
      // Of a connection on which nothing came the same is said.
      if (meant === undefined || reply.status === 408) {
        if (around === undefined) onStray();
        rawReply(socket, reply);
        return;
      }
      void deps.record(entryOf(deps, socket, meant, reply)).then((receipt) => {
        if ('unrecorded' in receipt) rawReply(socket, receipt.unrecorded);
        else rawReply(socket, reply, [], receipt.id);
      });
    },
  };
}

/**
 * Behind a request that is whole, its answer is finished and the connection ends with it. In the body of one: told, unless
 * its answer has begun, in whose midst another one would be read as a part of it.
 */
function endAfter(socket: Socket, { request, response }: Underway, reply: Reply): void {
  if (!request.complete) {
    if (response.headersSent) socket.destroy();
    else rawReply(socket, reply);
    return;
  }
  response.shouldKeepAlive = false;
  if (response.writableFinished) socket.destroySoon();
  else response.once('finish', () => socket.destroySoon());
}
