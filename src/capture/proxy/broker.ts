/**
 * The broker: an HTTP server on 127.0.0.1 that makes calls for agents with credentials they never hold, and records
 * every one of them. This file is the server and its life; one call is call.ts.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Receipt, Recorder } from '../../recorder/api.ts';
import type { Vault } from '../secrets/vault.ts';
import { type CallDeps, factsOf, handleCall } from './call.ts';
import { codeOf } from './failure.ts';
import { loopbackHosts, webRefusal } from './guard.ts';
import { type Health, sendHealth } from './health.ts';
import { block } from './refuse.ts';
import {
  BROKER_CLOSING,
  createExchange,
  type Exchange,
  INTERNAL,
  isGone,
  overloaded,
  sendReply,
} from './reply.ts';
import { createAddressBook, type Resolve } from './resolve.ts';
import { createScrubbers } from './scrub.ts';
import { createUpstreams } from './upstream.ts';

const HOST = '127.0.0.1';
const DEFAULT_PORT = 8765;

export interface BrokerConfig {
  /** 0 for any free one. Default 8765. */
  readonly port?: number;
  readonly version: string;
  /** What calls belong to when no token says otherwise. */
  readonly project?: string;
  readonly environment?: string;
  /** PEM certificates that upstreams may also be signed by, beside the usual ones. */
  readonly extraCa?: readonly string[];
  /** Shorter times and smaller numbers, for tests. */
  readonly limits?: Partial<BrokerLimits>;
}

export type BrokerLimits = {
  readonly [K in
    | 'concurrentCalls'
    | 'requestHeadersMs'
    | 'requestBodyIdleMs'
    | 'clientStallMs'
    | 'connectMs'
    | 'upstreamHeadersMs'
    | 'upstreamIdleMs'
    | 'parsedBodyBytes'
    | 'brokerDrainMs']: number;
};

export interface BrokerOptions {
  readonly recorder: Recorder;
  readonly vault: Pick<Vault, 'get' | 'onChange'>;
  readonly resolve: Resolve;
  readonly config: BrokerConfig;
  /** Told of bugs of ours; the call that met one is already answered or cut. */
  readonly onError: (error: unknown) => void;
}

/** Since the start. */
export interface BrokerStats {
  readonly active: number;
  readonly calls: number;
  /** Refused without an entry: no control headers, another path, bytes that are no HTTP. */
  readonly strays: number;
  /** Connections beyond LIMITS.clientConnections. */
  readonly dropped: number;
  /** Entries that could not be made durable. */
  readonly lostEntries: number;
  readonly upstreams: { readonly open: number; readonly idle: number };
}

export interface Broker {
  /** Resolves to the URL. Throws `ADDRESS_IN_USE`. */
  listen(): Promise<string>;
  /** Undefined while it does not listen. */
  readonly address: () => string | undefined;
  readonly stats: () => BrokerStats;
  /**
   * Takes no new calls, gives those under way LIMITS.brokerDrainMs, ends the rest as aborted, and resolves when the
   * entry of every call is durable or lost. The recorder is the caller's to close afterwards.
   */
  close(): Promise<void>;
}

export function createBroker(options: BrokerOptions): Broker {
  const { recorder, vault, config, onError } = options;
  const limits: BrokerLimits = { ...LIMITS, ...config.limits };
  const upstreams = createUpstreams({
    ...(config.extraCa === undefined ? {} : { extraCa: config.extraCa }),
    connectMs: limits.connectMs,
    headersMs: limits.upstreamHeadersMs,
    idleMs: limits.upstreamIdleMs,
  });
  const scrubbers = createScrubbers();
  const stopListening = vault.onChange(() => scrubbers.clear());
  const running = new Set<Promise<unknown>>();
  const entries = new Set<Promise<unknown>>();
  const aborts = new Set<() => void>();
  let hosts: ReadonlySet<string> = new Set();
  let url: string | undefined;
  let active = 0;
  let calls = 0;
  let strays = 0;
  let dropped = 0;
  let lostEntries = 0;
  let logFailing = false;
  let closing: Promise<void> | undefined;

  function track(entry: Promise<Receipt>): void {
    const settled = entry.then(
      () => {
        logFailing = false;
        entries.delete(settled);
      },
      () => {
        lostEntries++;
        logFailing = true;
        entries.delete(settled);
      },
    );
    entries.add(settled);
  }

  const deps: CallDeps = {
    recorder,
    vault,
    upstreams,
    scrubbers,
    book: createAddressBook(options.resolve, () => performance.now()),
    project: config.project,
    environment: config.environment,
    parsedBodyBytes: limits.parsedBodyBytes,
    requestBodyIdleMs: limits.requestBodyIdleMs,
    clientStallMs: limits.clientStallMs,
    track,
    whileOpen(abort) {
      aborts.add(abort);
      return () => aborts.delete(abort);
    },
    onBug: onError,
  };

  function health(): Health {
    const status = closing !== undefined ? 'closing' : logFailing ? 'log_unavailable' : 'ok';
    return {
      status,
      project: config.project ?? recorder.tenant,
      version: config.version,
      origin: recorder.origin,
    };
  }

  function stray(exchange: Exchange, status: number, error: string): void {
    strays++;
    sendReply(exchange, { status, body: { error, reason: 'bad_request' } });
  }

  async function route(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    const named = request.headers['x-as-target-url'] !== undefined;
    const refusal = webRefusal(request, hosts);
    if (refusal !== undefined) {
      if (!named) return stray(exchange, 403, refusal);
      const body = { error: refusal, reason: 'web_page_refused' };
      return block(deps, exchange, factsOf(deps, request), { status: 403, body });
    }
    if (request.url === '/health' && (request.method === 'GET' || request.method === 'HEAD'))
      return sendHealth(response, health());
    if (request.url !== '/proxy') return stray(exchange, 404, 'there is /proxy and /health');
    if (!hasControlHeader(request)) return stray(exchange, 400, 'X-AS-Target-URL header is required');
    if (closing !== undefined) return block(deps, exchange, factsOf(deps, request), BROKER_CLOSING);
    if (active > limits.concurrentCalls)
      return block(deps, exchange, factsOf(deps, request), overloaded(limits.concurrentCalls));
    calls++;
    return handleCall(deps, exchange);
  }

  function onRequest(request: IncomingMessage, response: ServerResponse, wantsContinue: boolean): void {
    const exchange = createExchange(request, response, wantsContinue);
    active++;
    response.once('close', () => {
      active--;
      // A connection that was kept alive would hold `close` up for a minute.
      if (closing !== undefined) setImmediate(() => server.closeIdleConnections());
    });
    const routed = route(exchange)
      .catch((error: unknown) => {
        onError(error);
        sendReply(exchange, INTERNAL);
        if (!isGone(exchange) && !response.writableEnded) response.destroy();
      })
      .finally(() => running.delete(routed));
    running.add(routed);
  }

  const server: Server = createServer({
    maxHeaderSize: LIMITS.requestHeaderBytes,
    headersTimeout: limits.requestHeadersMs,
    // Uploads may take as long as they make progress; body.ts watches that.
    requestTimeout: 0,
    keepAliveTimeout: LIMITS.clientKeepAliveMs,
    connectionsCheckingInterval: Math.min(limits.requestHeadersMs, 5_000),
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  });
  server.maxConnections = LIMITS.clientConnections;
  server.on('request', (request, response) => onRequest(request, response, false));
  server.on('checkContinue', (request, response) => onRequest(request, response, true));
  // Any other expectation goes on as a request of its own kind: it is refused like other strays.
  server.on('checkExpectation', (request, response) => {
    stray(createExchange(request, response, true), 417, 'only 100-continue can be expected');
  });
  server.on('drop', () => dropped++);
  server.on('clientError', (error, socket) => {
    strays++;
    answerGarbage(error, socket as Socket);
  });

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const abort of [...aborts]) abort();
      server.closeAllConnections();
    }, limits.brokerDrainMs);
    await closed;
    clearTimeout(timer);
    await Promise.all(running);
    for (const abort of [...aborts]) abort();
    while (entries.size > 0) await Promise.all(entries);
    await upstreams.close();
    stopListening();
    scrubbers.clear();
    url = undefined;
  }

  return {
    async listen() {
      const port = config.port ?? DEFAULT_PORT;
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(listenError(error, port)));
        server.listen(port, HOST, resolve);
      });
      const bound = (server.address() as AddressInfo).port;
      hosts = loopbackHosts(bound);
      url = `http://${HOST}:${bound}`;
      return url;
    },
    address: () => url,
    stats: () => ({ active, calls, strays, dropped, lostEntries, upstreams: upstreams.counts() }),
    close: () => (closing ??= close()),
  };
}

function hasControlHeader(request: IncomingMessage): boolean {
  return Object.keys(request.headers).some((name) => name.startsWith('x-as-'));
}

function listenError(error: unknown, port: number): unknown {
  if (codeOf(error) !== 'EADDRINUSE') return error;
  return new TallyError('ADDRESS_IN_USE', `port ${port} of ${HOST} is taken`, {
    hint: 'another broker may run already (`tally status`); TALLY_PORT chooses another port',
    cause: error,
  });
}

/** What node:http does without a listener; with one, the answer is ours to give. */
function answerGarbage(error: unknown, socket: Socket): void {
  const code = codeOf(error);
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
