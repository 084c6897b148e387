/** What a request is for: a call, the health of the broker, or nothing that could be called. */
import type { IncomingMessage } from 'node:http';
import { type CallDeps, factsOf, handleCall } from './call.ts';
import { CHALLENGED, wantsToken } from './connect.ts';
import type { Connections, Counts } from './connections.ts';
import { pageRefusal } from './guard.ts';
import { type Health, sendHealth } from './health.ts';
import { block } from './refuse.ts';
import { BROKER_CLOSING, badRequest, type Exchange, overloaded, type Reply, sendReply } from './reply.ts';
import { UNIX_HOSTS } from './unix-socket.ts';

/** Resolves when it is answered, or its answer is on its way. `refused`: what is answered whatever the request asks. */
export type Route = (exchange: Exchange, refused: Reply | undefined) => Promise<void>;

export function createRoute(options: {
  readonly deps: CallDeps;
  readonly connections: Connections;
  readonly counts: Counts;
  /** Names that a request which came over the network may address it by. */
  readonly hosts: () => ReadonlySet<string>;
  readonly concurrentCalls: number;
  readonly health: () => Health;
  readonly isClosing: () => boolean;
}): Route {
  const { deps, connections, counts, isClosing } = options;

  function tooMany(): Reply | undefined {
    return counts.active > options.concurrentCalls ? overloaded(options.concurrentCalls) : undefined;
  }

  function refusalOf({ request, arrival }: Exchange): Reply | undefined {
    // What a program sends through us as its proxy is its own business, its Origin too: a page cannot send this form.
    if (arrival.kind === 'forward') return isClosing() ? BROKER_CLOSING : tooMany();
    const hosts = connections.unix.has(request.socket) ? UNIX_HOSTS : options.hosts();
    const web = pageRefusal(request, hosts);
    if (web !== undefined) return { status: 403, body: { error: web, reason: 'web_page_refused' } };
    if (request.url !== '/proxy') return badRequest('there is /proxy and /health', 404);
    return isClosing() ? BROKER_CLOSING : tooMany();
  }

  /** Names nothing that could be called: counted, not recorded. */
  function stray(exchange: Exchange, reply: Reply): void {
    counts.strays++;
    sendReply(exchange, reply);
  }

  return async (exchange, refused) => {
    const { request, response, arrival } = exchange;
    const again = arrival.kind === 'forward' && !connections.inside.has(request.socket);
    if (again && wantsToken(deps.recorder, arrival.authorization)) return stray(exchange, CHALLENGED);
    const refusal = refused ?? refusalOf(exchange);
    const asksHealth = request.url === '/health' && (request.method === 'GET' || request.method === 'HEAD');
    if (refusal?.status === 404 && asksHealth) return sendHealth(response, options.health());
    if (arrival.kind === 'addressed' && !hasControlHeader(request))
      return stray(exchange, refusal ?? badRequest('X-AS-Target-URL header is required'));
    if (refusal !== undefined) return block(deps, exchange, factsOf(deps, exchange), refusal);
    counts.calls++;
    return handleCall(deps, exchange);
  };
}

const CONTROL = /^x-as-/i;

function hasControlHeader({ rawHeaders }: IncomingMessage): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) if (CONTROL.test(rawHeaders[i] ?? '')) return true;
  return false;
}
