/** The log over HTTP on 127.0.0.1: its tiles, and, beside a recorder, its live tail and the API of decisions. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type LinkOptions, linkResource } from './api/link.ts';
import { apiResource } from './api/resource.ts';
import { type ApiOptions, apiRoutes } from './api/routes.ts';
import { HOOKS_PATH, type HookEndpoint, hooksResource } from './hooks.ts';
import { type HttpOptions, type Resource, serveHttp } from './http.ts';
import { type LiveLog, liveResource, TAIL_PATH } from './live/resource.ts';
import type { OtlpEndpoint } from './otlp/endpoint.ts';
import { otlpResource } from './otlp/resource.ts';
import { createTileHandler, type TileHandler, type TileOptions, tilesPrefix } from './tiles.ts';

export interface TileServer {
  /** `http://127.0.0.1:PORT/log/NAME`: the prefix that C2SP clients are given. */
  readonly url: string;
  /** Where the log is followed live; absent when nobody records here. */
  readonly tail?: string;
  /** Where decisions are asked for, likewise. */
  readonly api?: string;
  /** Where hooks of Claude Code post, likewise. */
  readonly hooks?: string;
  /** Where programs send OTLP, likewise: the endpoint that `/v1/logs` and `/v1/traces` are below. */
  readonly otlp?: string;
  close(): Promise<void>;
}

/** Throws `ADDRESS_IN_USE`. */
export async function serveTiles(
  options: Omit<TileOptions, 'hosts'> &
    Omit<HttpOptions, 'resources'> & {
      /** The log that is recorded in this process. */
      readonly live?: LiveLog;
      readonly api?: ApiOptions;
      /** Approvals by links. */
      readonly links?: LinkOptions;
      /** Hooks of coding agents. */
      readonly hooks?: HookEndpoint;
      /** Programs instrumented with OpenTelemetry. */
      readonly otlp?: OtlpEndpoint;
    },
): Promise<TileServer> {
  const { live, api, links, hooks, otlp } = options;
  const server = await serveHttp({
    ...options,
    resources: (hosts) => [
      ...(live === undefined ? [] : [liveResource(live, hosts, options.onError)]),
      ...(links === undefined ? [] : [linkResource(links, hosts, options.onError)]),
      ...(hooks === undefined ? [] : [hooksResource(hooks, hosts, options.onError)]),
      ...(otlp === undefined ? [] : [otlpResource(otlp, hosts, options.onError)]),
      ...(api === undefined
        ? []
        : [apiResource({ routes: apiRoutes(api), hosts, onError: options.onError })]),
      tileResource(createTileHandler({ ...options, hosts })),
    ],
  });
  return {
    url: `${server.origin}${tilesPrefix(options.name)}`,
    ...(live === undefined ? {} : { tail: `${server.origin}${TAIL_PATH}` }),
    ...(api === undefined ? {} : { api: `${server.origin}/v1` }),
    ...(hooks === undefined ? {} : { hooks: `${server.origin}${HOOKS_PATH}` }),
    ...(otlp === undefined ? {} : { otlp: server.origin }),
    close: server.close,
  };
}

/** Answers for every path: what is no tile it refuses. */
function tileResource(handle: TileHandler): Resource {
  return { owns: () => true, answer: (request, response) => respond(handle, request, response) };
}

async function respond(
  handle: TileHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '', headers } = request;
  const { status, headers: own, body } = await handle({ method, url, headers });
  if (response.destroyed) return;
  response.writeHead(status, own);
  response.end(method === 'HEAD' ? undefined : body);
}
