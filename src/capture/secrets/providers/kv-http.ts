/**
 * One request to a server of the Vault kind: bounded in time and size, over TLS unless its address says otherwise, never
 * redirected (the token would go along). Standard library only: an HTTP client of a package takes longer to load than
 * the request takes.
 */
import type { RequestOptions } from 'node:https';
import { LIMITS } from '../../../core/limits.ts';
import { providerError } from '../provider.ts';

export interface KvServer {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly namespace: string | undefined;
  /** PEM, beside the roots that Node knows. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

export interface KvReply {
  readonly status: number;
  /** undefined for an empty body. */
  readonly body: unknown;
}

const UNREACHABLE = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|EPIPE)$/;

export async function kvRequest(
  server: KvServer,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { token, body }: { readonly token?: string | undefined; readonly body?: unknown } = {},
): Promise<KvReply> {
  const { request } = server.tls ? await import('node:https') : await import('node:http');
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const options: RequestOptions = {
    host: server.host,
    port: server.port,
    path,
    method,
    timeout: server.timeoutMs,
    signal: AbortSignal.timeout(server.timeoutMs),
    headers: {
      accept: 'application/json',
      // Both programs want it from whoever is not a browser.
      'x-vault-request': 'true',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
      ...(server.namespace === undefined ? {} : { 'x-vault-namespace': server.namespace }),
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': payload.length }),
    },
    ...(server.ca === undefined ? {} : { ca: server.ca }),
    agent: false,
  };
  return new Promise<KvReply>((resolve, reject) => {
    const call = request(options, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > LIMITS.providerReplyBytes)
          call.destroy(
            providerError(
              'provider_answer_invalid',
              `${server.host} answers without end`,
              'is it the right server?',
            ),
          );
      });
      response.on('error', (error) => reject(failed(server, error)));
      response.on('end', () => {
        const bytes = Buffer.concat(parts, size);
        for (const part of parts) part.fill(0);
        const text = bytes.toString('utf8');
        bytes.fill(0);
        const reply = parse(text);
        if (reply === undefined)
          reject(
            providerError(
              'provider_answer_invalid',
              `${server.host} does not answer as such a server does`,
              'is the address right?',
            ),
          );
        else resolve({ status: response.statusCode ?? 0, body: reply.body });
      });
    });
    call.on('error', (error) => reject(failed(server, error)));
    call.end(payload);
  }).finally(() => payload?.fill(0));
}

function parse(text: string): { readonly body: unknown } | undefined {
  if (text.trim() === '') return { body: undefined };
  try {
    return { body: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function failed({ host, port, timeoutMs }: KvServer, error: Error): Error {
  if (error.name === 'TallyError') return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const place = `${host}:${port}`;
  if (
    error.name === 'AbortError' ||
    error.name === 'TimeoutError' ||
    code === 'ABORT_ERR' ||
    code === 'ETIMEDOUT'
  )
    return providerError(
      'provider_timeout',
      `${place} did not answer within ${timeoutMs / 1000} s`,
      'is it reachable from here?',
      error,
    );
  if (UNREACHABLE.test(code))
    return providerError(
      'provider_unavailable',
      `${place} cannot be reached (${code})`,
      'is it running, and the address right?',
      error,
    );
  return providerError(
    'provider_unavailable',
    `no trustworthy connection to ${place} (${code})`,
    'for a certificate of your own authority set VAULT_CACERT; for a development server without TLS ?tls=false',
    error,
  );
}
