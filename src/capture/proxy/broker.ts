/**
 * The broker: an HTTP server on 127.0.0.1 that makes calls for agents with credentials they never hold, and records
 * every one of them. This file is the server and its life; one call is call.ts.
 */
// reason for length: the server, and what all of its calls share
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LIMITS } from '../../core/limits.ts';
import { loopbackHosts } from '../../core/loopback.ts';
import { privateRootsOf } from '../../core/policy/allowed-lines.ts';
import { indexOf } from '../../core/policy/index-of.ts';
import { createSlots } from '../../core/slots.ts';
import type { Recorder } from '../../recorder/api.ts';
import type { Leaves } from '../ca/leaves.ts';
import type { CredentialSource } from '../secrets/credentials.ts';
import { arrivalOf, type Forwarded } from './arrival.ts';
import { type CallDeps, factsOf, handleCall } from './call.ts';
import type { Callers } from './caller.ts';
import { CHALLENGED, handleConnect, wantsToken } from './connect.ts';
import type { ConnectDeps } from './connect-deps.ts';
import { codeOf } from './failure.ts';
import { createFlights } from './flight.ts';
import { createGarbage, type Underway } from './garbage.ts';
import { pageRefusal } from './guard.ts';
import { type Health, sendHealth } from './health.ts';
import { createHolds } from './hold.ts';
import { createJournal } from './journal.ts';
import { createListener, HOST, listenOn } from './listener.ts';
import { readRootsFrom } from './private-roots.ts';
import { rawReply } from './raw-reply.ts';
import { block } from './refuse.ts';
import {
  BROKER_CLOSING,
  badRequest,
  createExchange,
  type Exchange,
  INTERNAL,
  isGone,
  overloaded,
  PIPELINED,
  type Reply,
  sendReply,
} from './reply.ts';
import { createAddressBook, type Resolve } from './resolve.ts';
import { createScrubbers } from './scrub.ts';
import { createStands } from './standing.ts';
import { listenAt, UNIX_HOSTS } from './unix-socket.ts';
import { asksForWebSocket, responseOn } from './upgrade.ts';
import { createUpstreams } from './upstream.ts';

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
  /** Where the files that the policy names are looked for. Default: the working directory. */
  readonly policyDirectory?: string;
  /** A path to listen on as well. Any broker that listened there is taken for dead. */
  readonly socket?: string;
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
    | 'heldCalls'
    | 'tunnels'
    | 'tunnelIdleMs'
    | 'tunnelHalfOpenMs'
    | 'tlsHandshakeMs'
    | 'tokenCheckMs'
    | 'brokerDrainMs']: number;
};

export interface BrokerOptions {
  readonly recorder: Recorder;
  /** Where credentials come from: the vault itself, or what knows of other stores too. */
  readonly vault: CredentialSource;
  readonly resolve: Resolve;
  /** Certificates for the hosts whose TLS ends here. Absent: a CONNECT to such a host is refused. */
  readonly leaves?: Leaves;
  /** Looks for the processes that call; the caller's to close. Absent: nothing is known of them. */
  readonly callers?: Pick<Callers, 'of'> | undefined;
  /** Ports of 127.0.0.1 on which this process serves something else; asked for each call. */
  readonly ownPorts?: () => ReadonlySet<number>;
  readonly config: BrokerConfig;
  /** Told of bugs of ours; the call that met one is already answered or cut. */
  readonly onError: (error: unknown) => void;
}

/** Since the start. */
export interface BrokerStats {
  readonly active: number;
  readonly calls: number;
  /** Refused or ended without an entry: no control headers, another path, no token yet, bytes that are no HTTP. */
  readonly strays: number;
  /** Standing now. */
  readonly tunnels: number;
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
  const readRoots = readRootsFrom(config.policyDirectory ?? '.');
  const scrubbers = createScrubbers();
  const stopListening = vault.onChange(() => scrubbers.clear());
  /** What takes a request to its end, or to its stream. */
  const running = createSlots<Promise<void>>();
  /** What each connection has still to be answered, in its order. */
  const busy = new WeakMap<Socket, Underway[]>();
  const aborts = createSlots<() => void>();
  /** Of what would otherwise end when its program likes. */
  const hurries = new Set<() => void>();
  /** What is read inside of a CONNECT: decrypted, or plain. */
  const inside = new WeakMap<Duplex, { readonly around: Forwarded; used: boolean }>();
  const tunnels = createHolds(limits.tunnels);
  let hosts: ReadonlySet<string> = new Set();
  /** Connections that came by the Unix socket. */
  const unix = new WeakSet<Duplex>();
  let unixServer: Server | undefined;
  let url: string | undefined;
  let ownPort: number | undefined;
  let active = 0;
  let calls = 0;
  let strays = 0;
  let dropped = 0;
  let closing: Promise<void> | undefined;

  const journal = createJournal(recorder, onError);
  const flights = createFlights();
  const stands = createStands(recorder, limits.tokenCheckMs);
  const stopKilling = recorder.onKill((scope) => flights.kill(scope, recorder.policy().compiled));

  const deps: CallDeps = {
    recorder,
    act: journal.act,
    flights,
    isOwnPort: (port) => port === ownPort || options.ownPorts?.().has(port) === true,
    holds: createHolds(limits.heldCalls),
    vault,
    upstreams,
    scrubbers,
    callers: options.callers,
    book: createAddressBook(options.resolve, () => performance.now()),
    project: config.project,
    environment: config.environment,
    parsedBodyBytes: limits.parsedBodyBytes,
    requestBodyIdleMs: limits.requestBodyIdleMs,
    clientStallMs: limits.clientStallMs,
    record: journal.record,
    whileOpen(abort) {
      const at = aborts.put(abort);
      return () => aborts.take(at, abort);
    },
    tunnels,
    tunnelIdleMs: limits.tunnelIdleMs,
    tunnelHalfOpenMs: limits.tunnelHalfOpenMs,
    stands,
    whileServing(hurry) {
      hurries.add(hurry);
      return () => hurries.delete(hurry);
    },
    rootsFor({ scheme, host, port }) {
      if (scheme !== 'https') return undefined;
      const files = privateRootsOf(indexOf(recorder.policy().compiled), host, port);
      return files.length === 0 ? undefined : readRoots(files, host);
    },
    onBug: onError,
  };

  const garbage = createGarbage(deps, () => strays++);

  const connects: ConnectDeps = {
    ...deps,
    leaves: options.leaves,
    connectMs: limits.connectMs,
    handshakeMs: limits.tlsHandshakeMs,
    onStray: () => strays++,
    isClosing: () => closing !== undefined,
    serve(inner, around) {
      const connection = { around, used: false };
      inside.set(inner, connection);
      server.emit('connection', inner);
      // What had come already was put back, and waits.
      if (inner.isPaused()) inner.resume();
      return () => connection.used;
    },
  };

  /**
   * The server reads it no more, so what it met of errors is ours to meet. True: it was asked to become something else
   * while it has still to carry an answer, and two answers on one connection cannot be told apart.
   */
  function isTaken(socket: Duplex): boolean {
    socket.on('error', () => socket.destroy());
    const taken = busy.has(socket as Socket);
    if (taken) {
      strays++;
      socket.destroy();
    }
    return taken;
  }

  function onConnect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (isTaken(socket)) return;
    if (inside.has(socket) || !(socket instanceof Socket)) {
      strays++;
      rawReply(socket, badRequest('a CONNECT inside of another one is not supported', 405));
      return;
    }
    if (closing !== undefined) {
      rawReply(socket, BROKER_CLOSING);
      return;
    }
    const handled: Promise<void> = handleConnect(connects, request, socket, head).then(
      () => running.take(at, handled),
      (error: unknown) => {
        running.take(at, handled);
        onError(error);
        socket.destroy();
      },
    );
    const at = running.put(handled);
  }

  const mayUpgrade = (request: IncomingMessage): boolean =>
    asksForWebSocket(request) && arrivalOf(request, inside.get(request.socket)?.around).kind === 'forward';

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (isTaken(socket)) return;
    // Before Node 24.9 every upgrade comes here, and what has been taken from the server cannot be given back.
    if (!(socket instanceof Socket) || !mayUpgrade(request)) {
      strays++;
      rawReply(socket, badRequest('no other protocol than WebSocket can be asked for'));
      return;
    }
    const response = responseOn(request, socket);
    if (response === undefined) {
      strays++;
      socket.destroySoon();
      return;
    }
    onRequest(request, response, false, undefined, { head });
  }

  function health(): Health {
    const status = closing !== undefined ? 'closing' : journal.failing() ? 'log_unavailable' : 'ok';
    return {
      status,
      project: config.project ?? recorder.tenant,
      version: config.version,
      origin: recorder.origin,
    };
  }

  /** Names nothing that could be called: counted, not recorded. */
  function stray(exchange: Exchange, reply: Reply): void {
    strays++;
    sendReply(exchange, reply);
  }

  function refusalOf(exchange: Exchange): Reply | undefined {
    const { request, arrival } = exchange;
    // What a program sends through us as its proxy is its own business, its Origin too: a page cannot send this form.
    if (arrival.kind === 'forward') return closing !== undefined ? BROKER_CLOSING : tooMany();
    const web = pageRefusal(request, unix.has(request.socket) ? UNIX_HOSTS : hosts);
    if (web !== undefined) return { status: 403, body: { error: web, reason: 'web_page_refused' } };
    if (request.url !== '/proxy') return badRequest('there is /proxy and /health', 404);
    return closing !== undefined ? BROKER_CLOSING : tooMany();
  }

  function tooMany(): Reply | undefined {
    return active > limits.concurrentCalls ? overloaded(limits.concurrentCalls) : undefined;
  }

  async function route(exchange: Exchange, refused: Reply | undefined): Promise<void> {
    const { request, response, arrival } = exchange;
    const again = arrival.kind === 'forward' && !inside.has(request.socket);
    if (again && wantsToken(recorder, arrival.authorization)) return stray(exchange, CHALLENGED);
    const refusal = refused ?? refusalOf(exchange);
    const asksHealth = request.url === '/health' && (request.method === 'GET' || request.method === 'HEAD');
    if (refusal?.status === 404 && asksHealth) return sendHealth(response, health());
    if (arrival.kind === 'addressed' && !hasControlHeader(request))
      return stray(exchange, refusal ?? badRequest('X-AS-Target-URL header is required'));
    if (refusal !== undefined) return block(deps, exchange, factsOf(deps, exchange), refusal);
    calls++;
    return handleCall(deps, exchange);
  }

  function onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    wantsContinue: boolean,
    refused?: Reply,
    upgrade?: Exchange['upgrade'],
  ): void {
    const { socket } = request;
    const connection = inside.get(socket);
    if (connection !== undefined) connection.used = true;
    const arrival = arrivalOf(request, connection?.around);
    const exchange = createExchange(request, response, arrival, wantsContinue, upgrade);
    const answers = busy.get(socket) ?? [];
    const pipelined = answers.length > 0;
    const one: Underway = { request, response };
    answers.push(one);
    busy.set(socket, answers);
    if (!pipelined) active++;
    response.once('close', () => {
      answers.splice(answers.indexOf(one), 1);
      if (answers.length === 0) busy.delete(socket);
      if (pipelined) return;
      active--;
      // A connection that was kept alive would hold `close` up for a minute.
      if (closing !== undefined) setImmediate(() => server.closeIdleConnections());
    });
    const routed: Promise<void> = route(exchange, pipelined ? PIPELINED : refused).then(
      () => running.take(at, routed),
      (error: unknown) => {
        running.take(at, routed);
        onError(error);
        sendReply(exchange, INTERNAL);
        if (!isGone(exchange) && !response.writableEnded) response.destroy();
      },
    );
    const at = running.put(routed);
  }

  const server = createListener(
    {
      onRequest,
      onConnect,
      onUpgrade,
      mayUpgrade,
      onGarbage(error, socket) {
        const connection = inside.get(socket);
        // What was sent is no request, and shows that the certificate was believed.
        if (connection !== undefined && codeOf(error) !== 'ECONNRESET') connection.used = true;
        garbage.meet(error, socket, { around: connection?.around, underway: busy.get(socket)?.at(-1) });
      },
      onDrop: () => dropped++,
    },
    limits.requestHeadersMs,
  );

  async function listenOnPath(): Promise<Server | undefined> {
    if (config.socket === undefined) return undefined;
    return listenAt({
      path: config.socket,
      onConnection(socket) {
        unix.add(socket);
        server.emit('connection', socket);
      },
      onDrop: () => dropped++,
    });
  }

  async function close(): Promise<void> {
    const closed = Promise.all(
      [server, unixServer].map(
        (one) => new Promise<void>((resolve) => one?.close(() => resolve()) ?? resolve()),
      ),
    );
    server.closeIdleConnections();
    for (const hurry of [...hurries]) hurry();
    const timer = setTimeout(() => {
      for (const abort of aborts.all()) abort();
      server.closeAllConnections();
    }, limits.brokerDrainMs);
    await closed;
    clearTimeout(timer);
    await Promise.all(running.all());
    for (const abort of aborts.all()) abort();
    await journal.settled();
    await upstreams.close();
    stopListening();
    stopKilling();
    stands.close();
    scrubbers.close();
    url = undefined;
  }

  return {
    async listen() {
      const bound = await listenOn(server, config.port ?? DEFAULT_PORT);
      hosts = loopbackHosts(bound);
      ownPort = bound;
      try {
        unixServer = await listenOnPath();
      } catch (error) {
        server.close();
        throw error;
      }
      url = `http://${HOST}:${bound}`;
      return url;
    },
    address: () => url,
    stats: () => ({
      active,
      calls,
      strays,
      dropped,
      lostEntries: journal.lost(),
      tunnels: tunnels.held(),
      upstreams: upstreams.counts(),
    }),
    close: () => (closing ??= close()),
  };
}

const CONTROL = /^x-as-/i;

function hasControlHeader(request: IncomingMessage): boolean {
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) if (CONTROL.test(rawHeaders[i] ?? '')) return true;
  return false;
}
