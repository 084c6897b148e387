/**
 * OTLP/HTTP: `POST /v1/logs` and `POST /v1/traces`, as exporters of OpenTelemetry send to them. Who asks is checked as for
 * the API of decisions. Requests are carried out one after the other: one unpacked body is in memory, and a sender that
 * has to wait long is told to come back.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { webRefusal } from '../../core/loopback.ts';
import { createTurns } from '../../recorder/turns.ts';
import { createBodies } from '../api/body.ts';
import { callerOf, clientOf, refuseOperator } from '../api/caller.ts';
import { ApiError, busy, errorReply, INTERNAL, isUnavailable } from '../api/reply.ts';
import type { Resource } from '../http.ts';
import { exportResponse, MEDIA_TYPES, statusResponse } from './answer.ts';
import type { OtlpEncoding, OtlpEndpoint, OtlpSignal } from './endpoint.ts';
import { unpacked } from './unpack.ts';

const PATHS: ReadonlyMap<string, OtlpSignal> = new Map([
  ['/v1/logs', 'logs'],
  ['/v1/traces', 'traces'],
]);

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export function otlpResource(
  endpoint: OtlpEndpoint,
  hosts: ReadonlySet<string>,
  onError: (error: unknown) => void,
): Resource {
  const bodies = createBodies();
  const inTurn = createTurns();
  let active = 0;

  async function respond(
    request: IncomingMessage,
    signal: OtlpSignal,
    encoding: OtlpEncoding | undefined,
    isOwn: boolean,
  ): Promise<Answer> {
    const web = webRefusal(request.headers, hosts);
    if (web !== undefined)
      throw new ApiError(
        403,
        'web_page_refused',
        web,
        'programs of this machine send without an Origin header',
      );
    if (request.method !== 'POST')
      throw new ApiError(405, 'method_not_allowed', `/v1/${signal} takes POST`, 'spec/otlp.md', {
        headers: { Allow: 'POST' },
      });
    const caller = callerOf(request, isOwn);
    refuseOperator(caller);
    if (encoding === undefined)
      throw new ApiError(
        415,
        'unsupported_media_type',
        'OTLP is application/x-protobuf or application/json',
        'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf; gRPC is not spoken here',
      );
    if (active > LIMITS.otlpRequests) throw busy();
    const { bytes, done } = await bodies.read(request, LIMITS.otlpBodyBytes);
    try {
      const sender = { claims: caller.claims, client: clientOf(caller, endpoint.self) };
      const packing = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
      const taken = await inTurn(async () =>
        endpoint.receive(signal, encoding, await unpacked(bytes, packing), sender),
      );
      return { status: 200, body: exportResponse(signal, encoding, taken) };
    } finally {
      done();
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, isOwn: boolean): Promise<void> {
    const signal = PATHS.get(request.url?.split('?', 1)[0] ?? '') ?? 'logs';
    const encoding = encodingOf(request);
    active++;
    try {
      send(response, await respond(request, signal, encoding, isOwn), encoding);
    } catch (error) {
      const failed = failureOf(error, encoding ?? 'json');
      if (failed === undefined) onError(error);
      // What is left of a body that nobody reads must not be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      send(response, failed ?? internal(encoding), encoding);
      if (!request.complete) request.resume();
    } finally {
      active--;
    }
  }

  return { open: true, owns: (path) => PATHS.has(path), answer };
}

function encodingOf({ headers }: IncomingMessage): OtlpEncoding | undefined {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? 'json' : type === 'application/x-protobuf' ? 'protobuf' : undefined;
}

/** What is not taken now is asked for again by its sender; what never will be is not. */
function failureOf(error: unknown, encoding: OtlpEncoding): Answer | undefined {
  if (isUnavailable(error)) {
    const why = isTallyError(error) ? error.message : 'nothing can be recorded';
    return {
      status: 503,
      body: statusResponse(encoding, 503, `nothing can be recorded: ${why}`),
      headers: { 'Retry-After': String(LIMITS.otlpRetryS) },
    };
  }
  const reply = errorReply(error);
  if (reply === undefined) return undefined;
  const { error: said } = reply.body as {
    readonly error?: { readonly message?: string; readonly hint?: string };
  };
  const message = [said?.message, said?.hint].filter((part) => part !== undefined).join('; ');
  return {
    status: reply.status,
    body: statusResponse(encoding, reply.status, message),
    ...(reply.headers === undefined ? {} : { headers: reply.headers }),
  };
}

function internal(encoding: OtlpEncoding = 'json'): Answer {
  const message = 'the request failed for a reason that is a fault of the recorder';
  return { status: INTERNAL.status, body: statusResponse(encoding, INTERNAL.status, message) };
}

function send(response: ServerResponse, answer: Answer, encoding: OtlpEncoding = 'json'): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(answer.status, {
    'Content-Type': MEDIA_TYPES[encoding],
    'Cache-Control': 'no-store',
    'Content-Length': String(answer.body.length),
    'X-Content-Type-Options': 'nosniff',
    ...answer.headers,
  });
  response.end(answer.body);
}
