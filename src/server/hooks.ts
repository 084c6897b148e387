/**
 * Where hooks of coding agents post: `POST /hooks/claude-code`. Only who has the token of an installed hook is answered,
 * and only processes of the recorder's own user; web pages are refused before anything else.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeUtf8 } from '../core/bytes.ts';
import { isDeeperThan } from '../core/import/nesting.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { webRefusal } from '../core/loopback.ts';
import { parseJson } from '../core/parse.ts';
import { isObject } from '../core/query/fields.ts';
import { createBodies } from './api/body.ts';
import { ApiError, busy, errorReply, INTERNAL, type Reply, send } from './api/reply.ts';
import type { Resource } from './http.ts';

export const HOOKS_PATH = '/hooks/claude-code';

export interface HookEndpoint<Install = unknown> {
  /** The installed hook that has this token. Constant time in the token. */
  find(token: string): Install | undefined;
  /** Throws what the recorder throws. */
  answer(value: JsonObject, install: Install, signal: AbortSignal): Promise<JsonObject>;
  /** A post that could not be read is on record when this resolves. Gives what it is answered, where it has an answer. */
  unread(event: string, code: string, install: Install): Promise<JsonObject | undefined>;
}

export function hooksResource(
  endpoint: HookEndpoint,
  hosts: ReadonlySet<string>,
  onError: (error: unknown) => void,
): Resource {
  const bodies = createBodies();
  let active = 0;

  async function respond(request: IncomingMessage, isOwn: boolean, signal: AbortSignal): Promise<Reply> {
    const web = webRefusal(request.headers, hosts);
    if (web !== undefined)
      throw new ApiError(403, 'web_page_refused', web, 'hooks post without an Origin header');
    if (request.method !== 'POST')
      throw new ApiError(405, 'method_not_allowed', `${HOOKS_PATH} takes POST`, 'spec/claude-code.md', {
        headers: { Allow: 'POST' },
      });
    const install = isOwn ? endpoint.find(tokenOf(request)) : undefined;
    if (install === undefined)
      throw new ApiError(
        401,
        'token_invalid',
        'this is not the token of a hook that is installed for this recorder',
        'tally install claude-code writes the hooks anew; tally doctor says which answer',
        { headers: { 'WWW-Authenticate': 'Bearer realm="tally"', Connection: 'close' } },
      );
    if (active > LIMITS.hookRequests) throw busy();
    let done = (): void => undefined;
    try {
      const read = await bodies.read(request, LIMITS.hookBodyBytes);
      done = read.done;
      return { status: 200, body: await endpoint.answer(objectOf(read.bytes), install, signal) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'busy') throw error;
      const body = await endpoint.unread(eventOf(request), error.code, install);
      if (body === undefined) throw error;
      return { status: 200, body, headers: error.headers };
    } finally {
      done();
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, isOwn: boolean): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    // A call may be held for a person for minutes, in silence.
    request.socket.setTimeout(LIMITS.hookHoldMs + LIMITS.tileStallMs);
    active++;
    try {
      send(response, await respond(request, isOwn, gone.signal));
    } catch (error) {
      const reply = errorReply(error);
      if (reply === undefined) onError(error);
      if (!request.complete) response.setHeader('Connection', 'close');
      send(response, reply ?? INTERNAL);
    } finally {
      if (!request.complete) request.resume();
      active--;
    }
  }

  return { open: true, owns: (path) => path === HOOKS_PATH, answer };
}

const MOST_CHARS = 512;

function tokenOf({ headersDistinct }: IncomingMessage): string {
  const [header = '', ...more] = headersDistinct.authorization ?? [];
  const token = more.length === 0 ? /^Bearer +(\S+) *$/i.exec(header)?.[1] : undefined;
  return token === undefined || token.length > MOST_CHARS ? '' : token;
}

/** Which event it is says the address too: a body that is not read to its end says nothing. */
function eventOf({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  const event = mark === -1 ? null : new URLSearchParams(url.slice(mark + 1)).get('event');
  return /^[A-Za-z]{1,64}$/.test(event ?? '') ? (event ?? '') : '';
}

function objectOf(bytes: Uint8Array): JsonObject {
  if (isDeeperThan(bytes, LIMITS.jsonDepth))
    throw new ApiError(400, 'too_deep', 'the JSON is nested too deep to be recorded', 'spec/claude-code.md');
  const text = decodeUtf8(bytes);
  try {
    const value = text === undefined ? undefined : parseJson(text);
    if (isObject(value)) return value;
  } catch {
    // Told below.
  }
  throw new ApiError(400, 'bad_json', 'a hook posts one JSON object in UTF-8', 'spec/claude-code.md');
}
