/** OTLP beside the recorder: what programs instrumented with OpenTelemetry send, on the API's port and on one of its own. */
import { createOtlpReceiver } from '../../../capture/otlp/receive.ts';
import { isTallyError } from '../../../core/error.ts';
import { loadConfig } from '../../../open/config.ts';
import type { Session } from '../../../open.ts';
import { type HttpServer, type Resource, refuse, serveHttp } from '../../../server/http.ts';
import type { OtlpEndpoint } from '../../../server/otlp/endpoint.ts';
import { otlpResource } from '../../../server/otlp/resource.ts';
import type { Context } from '../../context.ts';
import { selfOf } from './tiles.ts';

export interface OtlpOfUp {
  readonly endpoint: OtlpEndpoint;
  /** Of its own port, where it has one. */
  readonly url?: string;
  close(): Promise<void>;
}

/** `undefined` beside another recorder: that one takes it. */
export async function openOtlpHere(
  context: Context,
  { recorder, handle }: Pick<Session, 'recorder' | 'handle'>,
): Promise<OtlpOfUp | undefined> {
  if (recorder === undefined || handle === undefined) return undefined;
  const { configFile } = context.paths;
  const settings = loadConfig(configFile).otlpReceive ?? {};
  let others = settings.other !== 'ignore';
  const receiver = createOtlpReceiver(recorder, () => {
    try {
      others = loadConfig(configFile).otlpReceive?.other !== 'ignore';
    } catch (error) {
      // It is told where it is edited; what was configured before stays.
      if (!isTallyError(error)) throw error;
    }
    return others;
  });
  const endpoint: OtlpEndpoint = {
    self: await selfOf(context),
    async receive(signal, encoding, body, sender) {
      // Another process may have set a secret: a request to the recorder looks for that first.
      await handle('hello', {}, { surface: 'http' });
      return receiver.receive(signal, encoding, body, sender);
    },
  };
  const server = settings.port === undefined ? undefined : await listen(context, settings.port, endpoint);
  return {
    endpoint,
    ...(server === undefined ? {} : { url: server.origin }),
    close: async () => server?.close(),
  };
}

/** With a warning when the port is taken: recording matters more. */
async function listen(
  context: Context,
  port: number,
  endpoint: OtlpEndpoint,
): Promise<HttpServer | undefined> {
  let told = false;
  const onError = (error: unknown): void => {
    if (told) return;
    told = true;
    context.warn(
      `a request of OTLP failed: ${error instanceof Error ? error.message : String(error)} (told once)`,
    );
  };
  try {
    return await serveHttp({
      port,
      resources: (hosts) => [otlpResource(endpoint, hosts, onError), NOTHING_ELSE],
      onError,
    });
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'ADDRESS_IN_USE') throw error;
    context.warn(
      `OTLP is not taken on port ${port} of 127.0.0.1, which is taken (a collector?); the port of the API takes it all the same. otlp.receive.port in config.yaml names another one`,
    );
    return undefined;
  }
}

const NOTHING_ELSE: Resource = {
  owns: () => true,
  answer: (_request, response) => refuse(response, 404, 'POST /v1/logs and POST /v1/traces are taken here'),
};
