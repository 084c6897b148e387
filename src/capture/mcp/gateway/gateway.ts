/**
 * A server on this machine in front of an MCP server at a URL (Streamable HTTP; also the older HTTP with SSE). What
 * clients post is looked at as over standard input; answers stream through as they come and are read beside it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Outcome } from '../../../core/entry.ts';
import { wordsOf } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { loopbackHosts, webRefusal } from '../../../core/loopback.ts';
import type { Scrubber } from '../../../core/redact/stream.ts';
import { errorLine } from '../answers.ts';
import type { Sink } from '../session-options.ts';
import { accept, answerWith, bodyOf, fail, headersFor, sessionIdOf } from './http.ts';
import { relay } from './relay.ts';
import type { GatewaySessions, Opened } from './sessions.ts';
import type { Upstream } from './upstream.ts';

export interface GatewayOptions {
  readonly upstream: Upstream;
  readonly sessions: GatewaySessions;
  /** The value of the credential, asked for with each request. Rejects where there is none any more. */
  readonly bearer?: Bearer;
  /** Takes the credential out of what the upstream answers. */
  readonly scrubber?: () => Scrubber | undefined;
  /** Whether a process at the other end may use this gateway. */
  readonly mayCall: (request: IncomingMessage) => Promise<boolean>;
  readonly warn: (line: string) => void;
}

export interface Bearer {
  get(): Promise<string>;
  /** The upstream took it for none. */
  refused(): void;
}

export interface Gateway {
  listen(port: number): Promise<number>;
  close(): Promise<void>;
}

/** Of the older kind of server: the stream that the answers to what is posted come by. */
interface Endpoint {
  readonly opened: Promise<Opened>;
  inject(answer: Buffer): void;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { upstream, sessions } = options;
  /** By the path that the server said messages are posted to. */
  const endpoints = new Map<string, Endpoint>();
  let hosts: ReadonlySet<string> = new Set();
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    serve(request, response).catch((error: unknown) => {
      options.warn(`a request failed: ${wordsOf(error)}`);
      fail(response, 502, `Tallystick could not pass this on: ${wordsOf(error)}`);
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = webRefusal(request.headers, hosts);
    if (refusal !== undefined) return fail(response, 403, refusal);
    if (!(await options.mayCall(request))) return fail(response, 403, 'this gateway is for another user');
    const path = request.url ?? '/';
    const endpoint = endpoints.get(path);
    if (path !== upstream.path && endpoint === undefined)
      return fail(response, 404, `the server is at ${upstream.path}`);
    switch (request.method) {
      case 'POST':
        return post(request, response, path, endpoint);
      case 'GET':
      case 'DELETE': {
        const id = sessionIdOf(request);
        const opened = await sessions.of(id, false);
        const ok = await forward(request, response, { method: request.method, path, opened });
        if (request.method === 'DELETE' && ok && id !== undefined)
          await sessions.end(id, 'the client ended it');
        return;
      }
      default:
        return fail(response, 405, 'POST, GET and DELETE are what MCP uses');
    }
  }

  async function post(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    endpoint: Endpoint | undefined,
  ): Promise<void> {
    const id = sessionIdOf(request);
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined) {
      const { session } = await (endpoint?.opened ?? sessions.of(id, false));
      session.compressed(encoding, UNHEARD);
      return fail(response, 415, 'a body that is compressed cannot be looked at: send it as it is');
    }
    const body = await bodyOf(request);
    const begins = endpoint === undefined && body !== undefined && id === undefined && isInitialize(body);
    const opened = await (endpoint?.opened ?? sessions.of(id, begins));
    const answerTo = (answer: Buffer): void => {
      endpoint?.inject(answer);
      if (endpoint === undefined) answerWith(response, answer);
      else accept(response);
    };
    const { session } = opened;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const ends: ((outcome: Outcome) => void)[] = [];
    const said = Promise.withResolvers<{ readonly answer?: Buffer; readonly bytes?: Buffer }>();
    const answers: Buffer[] = [];
    const sink: Sink = {
      answer(answer) {
        answers.push(answer);
        said.resolve({ answer });
      },
      later: (bytes) => said.resolve({ bytes }),
      dropped: () => said.resolve({}),
      sent: (end) => ends.push(end),
      gone: gone.signal,
    };
    if (body === undefined) {
      session.tooLong({ bytes: LIMITS.mcpLineBytes, id: undefined }, sink);
      return fail(response, 413, `a message has at most ${LIMITS.mcpLineBytes} bytes`);
    }
    const { pass } = session.fromClient(body, sink);
    const now = pass === true ? body : await pass;
    if (now !== body && isBatch(body)) {
      // Of a batch all goes on or nothing does: one answer has to hold all its answers.
      gone.abort();
      const error = 'another call of its batch was stopped, so nothing of it was sent';
      for (const end of ends) end({ status: 'aborted', error_kind: 'batch_refused', error });
      const all = [...answers, errorLine(undefined, error)].map((answer) => answer.toString().trim());
      return answerTo(Buffer.from(`[${all.join(',')}]`));
    }
    const { answer, bytes } = now === undefined ? await said.promise : { bytes: now, answer: undefined };
    if (answer !== undefined) return answerTo(answer);
    if (bytes === undefined) return accept(response);
    await forward(request, response, { method: 'POST', path, opened, body: bytes, begins, ends });
  }

  /** True when the upstream answered with a 2xx. */
  async function forward(
    request: IncomingMessage,
    response: ServerResponse,
    asked: {
      readonly method: string;
      readonly path: string;
      readonly opened: Opened;
      readonly body?: Buffer;
      readonly begins?: boolean;
      readonly ends?: readonly ((outcome: Outcome) => void)[];
    },
  ): Promise<boolean> {
    const { opened, body, ends = [] } = asked;
    let bearer: string | undefined;
    try {
      bearer = await options.bearer?.get();
    } catch (error) {
      const words = wordsOf(error);
      for (const end of ends) end({ status: 'error', error_kind: 'credential_unavailable', error: words });
      fail(response, 502, `Tallystick could not read the credential for the server: ${words}`);
      return false;
    }
    let answer: IncomingMessage;
    try {
      const addresses = await upstream.check();
      const sent = upstream.send(addresses, {
        method: asked.method,
        path: asked.path,
        headers: headersFor(request, body, bearer),
      });
      // A client that goes away takes its stream with it; its calls go on, as the protocol says.
      response.once('close', () => {
        if (!response.writableEnded) sent.request.destroy();
      });
      sent.request.end(body);
      answer = await sent.answer;
    } catch (error) {
      const words = wordsOf(error);
      for (const end of ends) end({ status: 'error', error_kind: 'upstream_unreachable', error: words });
      fail(response, 502, `Tallystick could not reach the server: ${words}`);
      return false;
    }
    const status = answer.statusCode ?? 502;
    if (status === UNAUTHORIZED) options.bearer?.refused();
    if (asked.begins === true) sessions.named(opened, sessionIdOf(answer));
    if (status >= 400)
      for (const end of ends) end({ status: 'error', error_kind: `http_${status}`, status_code: status });
    await stream(answer, response, opened);
    return status >= 200 && status < 300;
  }

  /** A stream of the older kind is a session of its own, for as long as it lasts. */
  async function stream(answer: IncomingMessage, response: ServerResponse, opened: Opened): Promise<void> {
    let own: Promise<Opened> | undefined;
    let current = opened;
    let at: string | undefined;
    await relay(answer, response, {
      session: () => current.session,
      scrubber: options.scrubber?.(),
      onEndpoint(data, inject) {
        const url = URL.parse(data, upstream.origin);
        if (url?.origin !== new URL(upstream.origin).origin || own !== undefined) return;
        own = sessions.of(undefined, true);
        own.then(
          (one) => {
            current = one;
          },
          // Whoever posts there is told.
          () => undefined,
        );
        at = `${url.pathname}${url.search}`;
        endpoints.set(at, { opened: own, inject });
      },
    });
    if (at !== undefined) endpoints.delete(at);
    const one = await own?.catch(() => undefined);
    if (one !== undefined) await sessions.forget(one, 'the stream ended');
  }

  return {
    async listen(port) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
      });
      // A stream of events may be silent for hours.
      server.requestTimeout = 0;
      const at = (server.address() as AddressInfo).port;
      hosts = loopbackHosts(at);
      return at;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      upstream.close();
      await sessions.closeAll('the gateway ended');
    },
  };
}

const UNAUTHORIZED = 401;

/** What would be answered as a message is answered as HTTP. */
const UNHEARD: Sink = { answer: () => undefined, later: () => undefined };

const isBatch = (body: Buffer): boolean => body.toString('latin1', 0, 256).trimStart().startsWith('[');

function isInitialize(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && 'method' in value && value.method === 'initialize';
  } catch {
    // Whatever it is, it begins no session.
    return false;
  }
}
