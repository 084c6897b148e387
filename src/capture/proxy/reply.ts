/** The broker's own answers. Published clients match on them: `error` is a string, a 403 names code and domain. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../../core/limits.ts';
import type { Arrival } from './arrival.ts';
import { CHALLENGE } from './proxy-authorization.ts';

export interface Reply {
  readonly status: number;
  readonly body: {
    readonly error: string;
    readonly message?: string;
    /** A reason code of the policy, or the error_kind of the entry. */
    readonly reason: string;
    readonly domain?: string;
    /** The request that waits for a person, and until when. */
    readonly approval_id?: string;
    readonly expires_at?: string;
  };
  readonly retryAfterS?: number;
}

/** One request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What it is a request for. */
  readonly arrival: Arrival;
  /** performance.now() when the head had been read. */
  readonly started: number;
  /** Tells a caller that waits for "100 Continue" to send its body. */
  readonly takeBody: () => void;
  /** It waits still, and may or may not send its body after our answer. */
  readonly waiting: () => boolean;
  /** It asks for a WebSocket, and this came right behind it. The connection is no longer read by the server. */
  readonly upgrade?: { readonly head: Buffer };
}

export function createExchange(
  request: IncomingMessage,
  response: ServerResponse,
  arrival: Arrival,
  wantsContinue: boolean,
  upgrade?: Exchange['upgrade'],
): Exchange {
  let waiting = wantsContinue;
  return {
    request,
    response,
    arrival,
    started: performance.now(),
    takeBody() {
      if (waiting) response.writeContinue();
      waiting = false;
    },
    waiting: () => waiting,
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}

/** Milliseconds since the head was read. */
export function elapsed({ started }: Exchange): number {
  return Math.round((performance.now() - started) * 1000) / 1000;
}

export function isGone({ response }: Exchange): boolean {
  return response.destroyed || response.closed;
}

/** `entry`: the id of the entry that records this call, for the caller to cite. */
export function sendReply(exchange: Exchange, reply: Reply, entry?: string): void {
  const { response } = exchange;
  if (response.headersSent || isGone(exchange)) return;
  const text = `${exchange.arrival.kind === 'forward' ? forPerson(reply, entry) : JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(text)),
    // Marks our answers: whatever an upstream sends of x-tally-* is dropped. `tally call` tells the two apart by it.
    'x-tally-reason',
    reply.body.reason,
    ...(reply.status === 407 ? CHALLENGE : []),
    ...(reply.retryAfterS === undefined ? [] : ['retry-after', String(reply.retryAfterS)]),
    ...(entry === undefined ? [] : ['x-tally-entry', entry]),
    // Nobody could tell a late body from the next request.
    ...(exchange.waiting() ? ['connection', 'close'] : []),
  ]);
  response.end(text);
  drainRest(exchange);
}

/** The program thinks that it talks to its upstream, and a person reads what it prints: who speaks, and what to do. */
function forPerson({ body }: Reply, entry: string | undefined): string {
  const { approval_id } = body;
  const more = {
    ...body,
    answered_by: 'tally',
    ...(entry === undefined ? {} : { entry, see: `tally log show ${entry}` }),
    ...(approval_id === undefined ? {} : { approve: `tally approvals approve ${approval_id}` }),
  };
  return JSON.stringify(more, undefined, 2);
}

/**
 * A caller that is still sending sees a reset instead of the answer when its connection is closed at once, so what it
 * sends is taken and thrown away for a moment.
 */
export function drainRest(exchange: Exchange): void {
  const { request, response } = exchange;
  if (request.complete || exchange.waiting() || response.socket === null) return;
  const { socket } = response;
  const timer = setTimeout(() => socket.destroy(), LIMITS.lingerMs);
  const stop = (): void => clearTimeout(timer);
  request.once('end', stop).once('close', stop);
  request.resume();
}

/**
 * For an answer with "connection: close" that comes before the body is read; to be called before its last bytes go out.
 * node:http would close both directions with the answer, and the reset that follows takes the answer from a caller that
 * still sends. So ours is ended, and theirs is thrown away for a moment.
 */
export function lingerAfter({ request }: Exchange): void {
  const { socket } = request;
  if (request.complete || socket.destroyed) return;
  const close = socket.destroySoon.bind(socket);
  socket.destroySoon = () => void socket.end();
  const timer = setTimeout(() => socket.destroy(), LIMITS.lingerMs);
  socket.once('close', () => clearTimeout(timer));
  request.once('end', close);
  request.resume();
}

export function badRequest(problem: string, status = 400): Reply {
  return { status, body: { error: problem, reason: 'bad_request' } };
}

export function overloaded(limit: number): Reply {
  return {
    status: 503,
    body: { error: `more than ${limit} calls at once; try again`, reason: 'too_many_calls' },
    retryAfterS: 1,
  };
}

/** Answers go out in order, so a call behind another one would be made with nobody there to see its end. */
export const PIPELINED: Reply = {
  status: 400,
  body: { error: 'a request before the answer to the last one is not supported', reason: 'bad_request' },
};

export const UNKNOWN_EXPECTATION: Reply = {
  status: 417,
  body: { error: 'only 100-continue can be expected', reason: 'bad_request' },
};

export const BROKER_CLOSING: Reply = {
  status: 503,
  body: { error: 'the broker is closing', reason: 'broker_closing' },
};

export const LOG_UNAVAILABLE: Reply = {
  status: 503,
  body: {
    error: 'the audit log cannot be written, so nothing was sent; `tally status` says why',
    reason: 'audit_unavailable',
  },
  retryAfterS: 5,
};

export const ENTRY_REFUSED: Reply = {
  status: 500,
  body: {
    error: 'the entry of this call cannot be written as it is, so the call is not carried out or not shown',
    reason: 'entry_refused',
  },
};

export const INTERNAL: Reply = {
  status: 500,
  body: { error: 'the broker failed; nothing more is known to the caller', reason: 'internal_error' },
};
