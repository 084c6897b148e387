/** Requests of clients, and what of them and of answers is passed on. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { LIMITS } from '../../../core/limits.ts';
import { errorLine } from '../answers.ts';

/** RFC 9110 section 7.6.1, what belongs to one connection alone, and what we say ourselves. */
const HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect', 'accept-encoding'],
]);

export function sessionIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers['mcp-session-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** Undefined: longer than a message may be. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read on for a while, so that whoever sends it reads the answer.
    if (size <= LIMITS.mcpLineBytes) chunks.push(chunk);
    else if (size > 4 * LIMITS.mcpLineBytes) break;
  }
  return size <= LIMITS.mcpLineBytes ? Buffer.concat(chunks) : undefined;
}

export function headersFor(
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

export function returnedHeaders(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  return Object.fromEntries(
    // No page of another origin is let in, whatever the upstream thinks of it.
    Object.entries(headers).filter(([name]) => !HOP.has(name) && !name.startsWith('access-control-')),
  );
}

export function answerWith(response: ServerResponse, answer: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
  response.end(answer);
}

export function accept(response: ServerResponse): void {
  response.writeHead(202);
  response.end();
}

/** An answer that has begun is cut instead. */
export function fail(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = errorLine(undefined, message);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}
