/**
 * The broker: an HTTP server on 127.0.0.1 that makes calls for agents with credentials they never hold, and records
 * every one of them. This file is the server and its life; one call is call.ts.
 */
// reason for length: the server, and what all of its calls share
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { LIMITS } from '../../core/limits.ts';
import { loopbackHosts } from '../../core/loopback.ts';
import { privateRootsOf } from '../../core/policy/allowed-lines.ts';
import { indexOf } from '../../core/policy/index-of.ts';
import { createSlots } from '../../core/slots.ts';
import { arrivalOf } from './arrival.ts';
import type { BrokerLimits, BrokerOptions } from './broker-options.ts';
import type { CallDeps } from './call.ts';
import type { ConnectDeps } from './connect-deps.ts';
import { type Counts, createConnections, noCounts } from './connections.ts';
import { codeOf } from './failure.ts';
import { createFlights } from './flight.ts';
import { createGarbage, type Underway } from './garbage.ts';
import type { Health } from './health.ts';
import { createHolds } from './hold.ts';
import { createJournal } from './journal.ts';
import { createLeaving } from './leaving.ts';
import { createListener, HOST, listenOn } from './listener.ts';
import { readRootsFrom } from './private-roots.ts';
import {
  createExchange,
  type Exchange,
  INTERNAL,
  isGone,
  PIPELINED,
  type Reply,
  sendReply,
} from './reply.ts';
import { createAddressBook } from './resolve.ts';
import { createRoute } from './route.ts';
import { createScrubbers } from './scrub.ts';
import { createStands } from './standing.ts';
import { listenAt } from './unix-socket.ts';
import { createUpstreams } from './upstream.ts';

const DEFAULT_PORT = 8765;

/** Since the start. */
export interface BrokerStats extends Readonly<Counts> {
  /** Standing now. */
  readonly tunnels: number;
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
  const aborts = createSlots<() => void>();
  /** Of what would otherwise end when its program likes. */
  const hurries = new Set<() => void>();
  const connections = createConnections();
  const { busy, inside, unix } = connections;
  const counts = noCounts();
  const tunnels = createHolds(limits.tunnels);
  let hosts: ReadonlySet<string> = new Set();
  let unixServer: Server | undefined;
  let url: string | undefined;
  let ownPort: number | undefined;
  let closing: Promise<void> | undefined;
  const isClosing = (): boolean => closing !== undefined;
  const onStray = (): void => {
    counts.strays++;
  };
  const onDrop = (): void => {
    counts.dropped++;
  };

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

  const garbage = createGarbage(deps, onStray);

  const connects: ConnectDeps = {
    ...deps,
    leaves: options.leaves,
    connectMs: limits.connectMs,
    handshakeMs: limits.tlsHandshakeMs,
    onStray,
    isClosing,
    serve(inner, around) {
      const connection = { around, used: false };
      inside.set(inner, connection);
      server.emit('connection', inner);
      // What had come already was put back, and waits.
      if (inner.isPaused()) inner.resume();
      return () => connection.used;
    },
  };

  function health(): Health {
    const status = isClosing() ? 'closing' : journal.failing() ? 'log_unavailable' : 'ok';
    return {
      status,
      project: config.project ?? recorder.tenant,
      version: config.version,
      origin: recorder.origin,
    };
  }

  const route = createRoute({
    deps,
    connections,
    counts,
    hosts: () => hosts,
    concurrentCalls: limits.concurrentCalls,
    health,
    isClosing,
  });

  /** `close` waits for it. */
  function track(work: Promise<void>, cut: () => void): void {
    const tracked: Promise<void> = work.then(
      () => running.take(at, tracked),
      (error: unknown) => {
        running.take(at, tracked);
        onError(error);
        cut();
      },
    );
    const at = running.put(tracked);
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
    if (!pipelined) counts.active++;
    response.once('close', () => {
      answers.splice(answers.indexOf(one), 1);
      if (answers.length === 0) busy.delete(socket);
      if (pipelined) return;
      counts.active--;
      // A connection that was kept alive would hold `close` up for a minute.
      if (isClosing()) setImmediate(() => server.closeIdleConnections());
    });
    track(route(exchange, pipelined ? PIPELINED : refused), () => {
      sendReply(exchange, INTERNAL);
      if (!isGone(exchange) && !response.writableEnded) response.destroy();
    });
  }

  const server = createListener(
    {
      onRequest,
      ...createLeaving({
        connects,
        connections,
        track,
        onCall: (request, response, head) => onRequest(request, response, false, undefined, { head }),
      }),
      onGarbage(error, socket) {
        const connection = inside.get(socket);
        // What was sent is no request, and shows that the certificate was believed.
        if (connection !== undefined && codeOf(error) !== 'ECONNRESET') connection.used = true;
        garbage.meet(error, socket, { around: connection?.around, underway: busy.get(socket)?.at(-1) });
      },
      onDrop,
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
      onDrop,
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
      ...counts,
      lostEntries: journal.lost(),
      tunnels: tunnels.held(),
      upstreams: upstreams.counts(),
    }),
    close: () => (closing ??= close()),
  };
}
