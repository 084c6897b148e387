/**
 * The API of decisions over HTTP (spec/api.md): what programs in other languages use. Every answer is JSON, and nothing
 * but `proceed: true` of a 200 lets anybody go on.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../../core/limits.ts';
import { webRefusal } from '../../core/loopback.ts';
import type { Resource } from '../http.ts';
import { createBodies, jsonOf } from './body.ts';
import { type Caller, callerOf } from './caller.ts';
import { ApiError, busy, errorReply, INTERNAL, type Reply, send } from './reply.ts';

/** What one route is handed. */
export interface Asked {
  readonly caller: Caller;
  /** Of the path's `:id`. */
  readonly id: string;
  readonly query: URLSearchParams;
  /** The JSON that came with a POST. */
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** `/v1/approvals/:id`: one segment may be named. */
  readonly path: string;
  /** Largest body of a POST. */
  readonly most?: number;
  /** Answered without looking who asks: it tells nothing of this machine. */
  readonly public?: true;
  /** Throws `ApiError`, and what the recorder throws. */
  handle(asked: Asked): Promise<Reply>;
  /** Puts on record that a body could not be read: too large, too slow, or of two meanings. Gives what the answer says of it. */
  unread?(caller: Caller, error: ApiError): Promise<ApiError>;
}

/** What says nothing of any action: no JSON, by its own word or by ours, and a body that is to come later. */
const UNSAID: ReadonlySet<string> = new Set(['bad_json', 'busy', 'unsupported_media_type']);

const API = /^\/v1\/(?!tail$)/;

export function apiResource(options: {
  readonly routes: readonly Route[];
  readonly hosts: ReadonlySet<string>;
  readonly onError: (error: unknown) => void;
}): Resource {
  const bodies = createBodies();
  let active = 0;

  async function respond(request: IncomingMessage, isOwn: boolean): Promise<Reply> {
    const web = webRefusal(request.headers, options.hosts);
    if (web !== undefined)
      throw new ApiError(
        403,
        'web_page_refused',
        web,
        'programs of this machine ask without an Origin header',
      );
    const { method = '', url = '' } = request;
    const [path = '', search = ''] = split(url);
    const { route, id } = routeOf(options.routes, method, path);
    const asksWithout = route.public === true;
    const caller = asksWithout ? { claims: {}, isOwn } : callerOf(request, isOwn);
    if (active > LIMITS.apiRequests) throw busy();
    const asked = { caller, id, query: new URLSearchParams(search) };
    if (route.method !== 'POST') return route.handle({ ...asked, body: undefined });
    const { body, done } = await read(request, route, caller);
    try {
      return await route.handle({ ...asked, body });
    } finally {
      done();
    }
  }

  async function read(
    request: IncomingMessage,
    route: Route,
    caller: Caller,
  ): Promise<{ readonly body: unknown; readonly done: () => void }> {
    let done = (): void => undefined;
    try {
      const read = await bodies.read(request, route.most ?? LIMITS.apiBodyBytes);
      done = read.done;
      return { body: jsonOf(request, read.bytes), done };
    } catch (error) {
      done();
      if (!(error instanceof ApiError) || UNSAID.has(error.code) || route.unread === undefined) throw error;
      throw await route.unread(caller, error);
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, isOwn: boolean): Promise<void> {
    active++;
    try {
      send(response, await respond(request, isOwn));
    } catch (error) {
      const reply = errorReply(error);
      if (reply === undefined) options.onError(error);
      // What is left of a body that nobody reads must not be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      send(response, reply ?? INTERNAL);
      if (!request.complete) request.resume();
    } finally {
      active--;
    }
  }

  return { open: true, owns: (path) => API.test(path), answer };
}

function split(url: string): readonly string[] {
  const mark = url.indexOf('?');
  return mark === -1 ? [url] : [url.slice(0, mark), url.slice(mark + 1)];
}

function routeOf(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly route: Route; readonly id: string } {
  const fitting = routes.flatMap((route) => {
    const id = matched(route.path, path);
    return id === undefined ? [] : [{ route, id }];
  });
  const wanted = method === 'HEAD' ? 'GET' : method;
  const found = fitting.find(({ route }) => route.method === wanted);
  if (found !== undefined) return found;
  if (fitting.length > 0) {
    const allow = fitting.map(({ route }) => route.method).join(', ');
    throw new ApiError(
      405,
      'method_not_allowed',
      `${path} takes ${allow}`,
      'GET /v1/openapi.json lists all',
      {
        headers: { Allow: allow },
      },
    );
  }
  throw new ApiError(404, 'not_found', 'there is no such resource', 'GET /v1/openapi.json lists all');
}

/** The text of the named segment, '' without one; undefined when the path is another one. */
function matched(pattern: string, path: string): string | undefined {
  const at = pattern.indexOf(':');
  if (at === -1) return pattern === path ? '' : undefined;
  const end = pattern.indexOf('/', at);
  const after = end === -1 ? '' : pattern.slice(end);
  if (!path.startsWith(pattern.slice(0, at)) || !path.endsWith(after)) return undefined;
  const id = path.slice(at, path.length - after.length);
  return /^[A-Za-z0-9._~-]{1,512}$/.test(id) ? id : undefined;
}
