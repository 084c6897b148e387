/**
 * A server on this machine in front of an MCP server at a URL (Streamable HTTP; also the older HTTP with SSE). What
 * clients post is looked at as over standard input; answers stream through as they come and are read beside it.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Outcome } from '../../../core/entry.ts';
import { LIMITS } from '../../../core/limits.ts';
import { loopbackHosts, webRefusal } from '../../../core/loopback.ts';
import type { Scrubber } from '../../../core/redact/stream.ts';
import { errorLine } from '../answers.ts';
import { wordsOf } from '../outage.ts';
import type { McpSession } from '../session.ts';
import type { Sink } from '../session-options.ts';
import type { GatewaySessions, Opened } from './sessions.ts';
import { createSseReader } from './sse.ts';
import type { Upstream } from './upstream.ts';

export interface GatewayOptions {
  readonly upstream: Upstream;
  readonly sessions: GatewaySessions;
  /** Of the credential, for each request; its value. */
  readonly bearer?: () => string;
  /** Takes the credential out of what the upstream answers. */
  readonly scrubber?: () => Scrubber;
  /** Whether a process at the other end may use this gateway. */
  readonly mayCall: (request: IncomingMessage) => Promise<boolean>;
  readonly warn: (line: string) => void;
}

export interface Gateway {
  listen(port: number): Promise<number>;
  close(): Promise<void>;
}

/** RFC 9110 section 7.6.1, what belongs to this connection alone, and what we say ourselves. */
const HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect', 'accept-encoding'],
]);

export function createGateway(options: GatewayOptions): Gateway {
  const { upstream, sessions } = options;
  /** Where a server of the older kind says that messages are posted to. */
  const endpoints = new Set<string>([upstream.path]);
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
    if (!endpoints.has(path)) return fail(response, 404, `the server is at ${upstream.path}`);
    switch (request.method) {
      case 'POST':
        return post(request, response, path);
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

  async function post(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (request.headers['content-encoding'] !== undefined)
      return fail(response, 415, 'a body that is compressed cannot be looked at: send it as it is');
    const body = await bodyOf(request);
    const begins = body !== undefined && sessionIdOf(request) === undefined && isInitialize(body);
    const opened = await sessions.of(sessionIdOf(request), begins);
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
      session.tooLong(LIMITS.mcpLineBytes, sink);
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
      return answerWith(response, Buffer.from(`[${all.join(',')}]`));
    }
    const { answer, bytes } = now === undefined ? await said.promise : { bytes: now, answer: undefined };
    if (answer !== undefined) return answerWith(response, answer);
    if (bytes === undefined) return fail(response, 202, '');
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
    let answer: IncomingMessage;
    try {
      const addresses = await upstream.check();
      const sent = upstream.send(addresses, {
        method: asked.method,
        path: asked.path,
        headers: headersFor(request, body, options.bearer?.()),
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
    if (asked.begins === true) sessions.named(opened, sessionIdOf(answer));
    if (status >= 400)
      for (const end of ends) end({ status: 'error', error_kind: `http_${status}`, status_code: status });
    await relay(answer, response, opened.session);
    return status >= 200 && status < 300;
  }

  function relay(answer: IncomingMessage, response: ServerResponse, session: McpSession): Promise<void> {
    response.writeHead(answer.statusCode ?? 502, returned(answer.headers));
    response.flushHeaders();
    const scrubber = options.scrubber?.();
    const reader = readerFor(answer, session, (path) => endpoints.add(path), upstream.origin);
    return new Promise((resolve) => {
      answer.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        const bytes = scrubber?.push(chunk) ?? chunk;
        if (bytes.length > 0 && !response.write(bytes)) {
          answer.pause();
          response.once('drain', () => answer.resume());
        }
      });
      answer.once('end', () => {
        reader.end();
        response.end(scrubber?.flush());
        resolve();
      });
      answer.once('error', () => {
        response.destroy();
        resolve();
      });
      response.once('close', resolve);
    });
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

const isBatch = (body: Buffer): boolean => body.toString('latin1', 0, 256).trimStart().startsWith('[');

function sessionIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers['mcp-session-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function isInitialize(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && 'method' in value && value.method === 'initialize';
  } catch {
    // Whatever it is, it begins no session.
    return false;
  }
}

/** Undefined: longer than a message may be. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read to its end, so that the answer is read too, and dropped.
    if (size <= LIMITS.mcpLineBytes) chunks.push(chunk);
    else if (size > 4 * LIMITS.mcpLineBytes) break;
  }
  return size <= LIMITS.mcpLineBytes ? Buffer.concat(chunks) : undefined;
}

function headersFor(
  request: IncomingMessage,
  body: Buffer | undefined,
  bearer: string | undefined,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers))
    if (!HOP.has(name) && value !== undefined) headers[name] = value;
  // What is compressed cannot be read beside.
  headers['accept-encoding'] = 'identity';
  if (body !== undefined) headers['content-length'] = body.length;
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`;
  return headers;
}

function returned(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(
    // Of another origin, a page must not be let in here.
    ([name]) => (!HOP.has(name) || name === 'content-length') && !name.startsWith('access-control-'),
  );
  return Object.fromEntries(kept.filter(([name]) => name !== 'content-length'));
}

interface Reader {
  push(chunk: Buffer): void;
  end(): void;
}

function readerFor(
  answer: IncomingMessage,
  session: McpSession,
  learn: (path: string) => void,
  origin: string,
): Reader {
  const type = (answer.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (answer.headers['content-encoding'] !== undefined && answer.headers['content-encoding'] !== 'identity') {
    session.longFromServer(0);
    return { push: () => undefined, end: () => undefined };
  }
  if (type === 'text/event-stream') {
    const sse = createSseReader(
      LIMITS.mcpLineBytes,
      ({ event, data }) => {
        if (event === 'message') session.fromServer(Buffer.from(data));
        else if (event === 'endpoint') {
          const url = URL.parse(data, origin);
          if (url?.origin === new URL(origin).origin) learn(`${url.pathname}${url.search}`);
        }
      },
      () => session.longFromServer(LIMITS.mcpLineBytes),
    );
    return { push: sse.push, end: () => undefined };
  }
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      if (size <= LIMITS.mcpLineBytes) chunks.push(chunk);
    },
    end() {
      if (size > LIMITS.mcpLineBytes) session.longFromServer(size);
      else if (type === 'application/json' && size > 0) session.fromServer(Buffer.concat(chunks));
    },
  };
}

function answerWith(response: ServerResponse, answer: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
  response.end(answer);
}

function fail(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (message === '') {
    response.writeHead(status);
    response.end();
    return;
  }
  const body = errorLine(undefined, message);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}
