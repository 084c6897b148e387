/** `GET /v1/tail`: entries as they become durable, as server-sent events (spec/live.md). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LIMITS } from '../../core/limits.ts';
import { createFrames, retryAfter } from '../../core/live/frames.ts';
import { type LiveRequest, parseLiveRequest } from '../../core/live/params.ts';
import { webRefusal } from '../../core/loopback.ts';
import type { LineSlices } from '../../core/ports.ts';
import type { OnDurable, Subscription } from '../../recorder/durable.ts';
import type { Resource } from '../http.ts';
import { createHub } from './hub.ts';
import { createSubscriber } from './subscriber.ts';

export const TAIL_PATH = '/v1/tail';

/** The log that is recorded in this process. */
export interface LiveLog {
  readonly name: string;
  readonly origin: string;
  /** Entries under a signed checkpoint. */
  readonly signed: () => number;
  readonly onDurable: (listener: OnDurable) => Subscription;
  readonly slices: LineSlices;
  readonly now: () => number;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  // Ends with the connection: events are written to it as they are, to many connections at once.
  Connection: 'close',
} as const;

export function liveResource(
  log: LiveLog,
  hosts: ReadonlySet<string>,
  onError: (error: unknown) => void,
): Resource {
  const hub = createHub({ slices: log.slices, onDurable: log.onDurable, onError });
  /** Connections that carry events: what else comes over them is no request. */
  const taken = new WeakSet<Socket>();

  /** Where a client begins, or why it cannot. */
  async function startOf({ from, filter, log: name }: LiveRequest): Promise<number | Refusal> {
    if (name !== undefined && name !== log.name)
      return {
        status: 409,
        code: 'NOT_FOUND',
        message: `the log that is recorded here is ${JSON.stringify(log.name)}`,
        hint: 'entries of another log are read from its files: tally log tail --dir DIR',
      };
    const size = hub.size();
    if (from === undefined) {
      if (filter.since === undefined) return hub.live();
      return Math.min(hub.live(), await log.slices.since(filter.since));
    }
    if (from <= size) return from;
    return {
      status: 416,
      code: 'NOT_FOUND',
      message: `this log has ${size} entries; there is no entry ${from - 1} to go on from`,
      hint: 'it is another log than the one you followed, or it was cut: run `tally verify`',
      headers: { 'Content-Range': `entries */${size}` },
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    if (taken.has(socket)) {
      socket.destroy();
      return;
    }
    const wanted = check(request);
    if ('status' in wanted) return refuse(response, wanted);
    let from: number | Refusal;
    try {
      from = await startOf(wanted);
    } catch (error) {
      onError(error);
      from = {
        status: 500,
        code: 'INTERNAL',
        message: 'the log could not be read',
        hint: 'run `tally verify`',
      };
    }
    if (response.destroyed) return;
    if (taken.has(socket)) {
      socket.destroy();
      return;
    }
    if (typeof from !== 'number') return refuse(response, from);
    const full = hub.refusal(wanted.key);
    if (full !== undefined) return refuse(response, noPlace(full));
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, HEADERS);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.flushHeaders();
    taken.add(socket);
    const frames = createFrames(512);
    frames.event('state', {
      log: log.name,
      origin: log.origin,
      size: hub.size(),
      signed: log.signed(),
      from,
    });
    const subscriber = createSubscriber(socket, wanted, from);
    subscriber.send(retryAfter(LIMITS.liveRetryMs));
    subscriber.send(frames.take());
    hub.add(subscriber);
  }

  function check(request: IncomingMessage): LiveRequest | Refusal {
    const { method = '', url = '', headers } = request;
    const web = webRefusal(headers, hosts);
    if (web !== undefined)
      return {
        status: 403,
        code: 'STOPPED',
        message: web,
        hint: 'programs of this machine read it without an Origin header, e.g. curl -N',
      };
    if (method !== 'GET' && method !== 'HEAD')
      return {
        status: 405,
        code: 'USAGE',
        message: 'only GET and HEAD',
        hint: `curl -N http://${headers.host ?? ''}${TAIL_PATH}`,
        headers: { Allow: 'GET, HEAD' },
      };
    const mark = url.indexOf('?');
    const lastEventId = headers['last-event-id'];
    const parsed = parseLiveRequest(
      mark === -1 ? '' : url.slice(mark + 1),
      Array.isArray(lastEventId) ? lastEventId.join() : lastEventId,
      log.now(),
    );
    return 'refusal' in parsed ? { status: 400, code: 'USAGE', ...parsed.refusal } : parsed.request;
  }

  return { owns: (path) => path === TAIL_PATH, answer, close: hub.close };
}

function noPlace(message: string): Refusal {
  return {
    status: 503,
    code: 'RECORDER_UNAVAILABLE',
    message,
    hint: 'try again later; `tally log tail -f` needs no place here',
    headers: { 'Retry-After': '5' },
  };
}

function refuse(response: ServerResponse, { status, code, message, hint, headers }: Refusal): void {
  const body = `${JSON.stringify({ error: { code, message, hint } })}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
