/** OTLP in the description of the API: OpenTelemetry's own schemas are not repeated there. */
import type { OtlpSignal } from './endpoint.ts';

const BODY = { type: 'object', description: 'as opentelemetry-proto 1.x describes it' } as const;
const BOTH = (schema: object) => ({
  'application/json': { schema },
  'application/x-protobuf': { schema: { type: 'string', format: 'binary' } },
});
const FAILURES = {
  400: 'The body is no OTLP; nothing is recorded.',
  401: 'The token is not good, or there is none.',
  403: 'From a web page.',
  413: 'The body is larger than it may be, as it came or unpacked.',
  415: 'Another media type, or packed otherwise than with gzip.',
  429: 'Too many requests at once.',
  503: 'Nothing can be recorded; Retry-After says when to come back.',
} as const;

function operation(signal: OtlpSignal, request: string, answer: string): object {
  return {
    operationId: signal === 'logs' ? 'exportLogs' : 'exportTraces',
    summary: `OTLP/HTTP: ${request}. What is answered as taken is durable (spec/otlp.md).`,
    requestBody: { required: true, content: BOTH({ ...BODY, title: request }) },
    responses: {
      200: {
        description: 'Taken; partialSuccess says what was not.',
        content: BOTH({ ...BODY, title: answer }),
      },
      ...Object.fromEntries(
        Object.entries(FAILURES).map(([status, description]) => [
          status,
          { description, content: BOTH({ ...BODY, title: 'google.rpc.Status' }) },
        ]),
      ),
    },
  };
}

export const OTLP_PATHS: Readonly<Record<string, object>> = {
  '/v1/logs': { post: operation('logs', 'ExportLogsServiceRequest', 'ExportLogsServiceResponse') },
  '/v1/traces': { post: operation('traces', 'ExportTraceServiceRequest', 'ExportTraceServiceResponse') },
};
