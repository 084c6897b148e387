/** One request to the broker. Over loopback, without following, decoding or retrying anything: that is the broker's. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { TallyError } from '../../../core/error.ts';
import type { BrokerRequest } from './request.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Set when the broker itself answered and the upstream did not: a reason code. */
  readonly refused: string | undefined;
  /** What is found while the body passes is known at its end only. */
  redacted(): boolean;
  readonly body: IncomingMessage;
}

/** Errors: USAGE for what HTTP cannot carry; RECORDER_UNAVAILABLE when the broker is gone. */
export function send(proxyUrl: string, request: BrokerRequest, signal: AbortSignal): Promise<Answer> {
  const { method, headers, body } = request;
  return new Promise((resolve, reject) => {
    const raw: string[] = headers.flat();
    // Without a length it would be a stream of nothing, whose end nobody can know when the call is decided.
    if (body !== undefined || !BODILESS.has(wireMethod(method)))
      raw.push('Content-Length', String(body?.length ?? 0));
    let outgoing: ReturnType<typeof httpRequest>;
    try {
      const url = new URL(`${proxyUrl}/proxy`);
      outgoing = httpRequest(url, {
        method: wireMethod(method),
        headers: ['Host', url.host, ...raw],
        agent: false,
        signal,
      });
    } catch (error) {
      reject(unsendable(error));
      return;
    }
    outgoing.on('response', (response) => resolve(answerOf(response)));
    outgoing.on('error', (error) => reject(gone(error)));
    outgoing.end(body);
  });
}

/** Methods that a proxy would take for something else travel in X-AS-Method only. */
function wireMethod(method: string): string {
  return method === 'CONNECT' || method === 'TRACE' ? 'POST' : method;
}

/** Methods that carry no length when they carry no body. */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/** Headers that speak of the connection between us and the broker. */
const OF_THE_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer']);

function answerOf(response: IncomingMessage): Answer {
  const headers: Record<string, string[]> = {};
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] ?? '';
    if (OF_THE_HOP.has(name.toLowerCase())) continue;
    const known = Object.keys(headers).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    headers[known] = [...(headers[known] ?? []), response.rawHeaders[i + 1] ?? ''];
  }
  const refused = response.headers['x-tally-reason'];
  return {
    status: response.statusCode ?? 0,
    headers,
    refused: typeof refused === 'string' ? refused : undefined,
    redacted: () =>
      response.headers['x-as-redacted'] === 'true' || response.trailers['x-as-redacted'] === 'true',
    body: response,
  };
}

function unsendable(error: unknown): TallyError {
  const message = error instanceof Error ? error.message : String(error);
  return new TallyError('USAGE', `this cannot be sent: ${message}`, {
    hint: 'URL, header names and values have to be plain text without line breaks',
    cause: error,
  });
}

export function gone(error: unknown): TallyError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
  return new TallyError(
    'RECORDER_UNAVAILABLE',
    `the broker went away before its answer was complete (${code})`,
    {
      hint: '`tally log list` shows whether the call was made; look at the output of `tally up`',
      cause: error,
    },
  );
}
