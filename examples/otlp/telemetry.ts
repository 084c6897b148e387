/** What every program with OpenTelemetry has: exporters, and where they send to. Nothing in it is of this project. */
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

export interface Telemetry {
  readonly logger: ReturnType<LoggerProvider['getLogger']>;
  stop(): Promise<void>;
}

/** `endpoint` and `token` are what OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS say otherwise. */
export function startTelemetry(endpoint: string, token?: string): Telemetry {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const traces = new NodeTracerProvider({
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers })),
    ],
  });
  const records = new LoggerProvider({
    processors: [
      new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${endpoint}/v1/logs`, headers }) }),
    ],
  });
  traces.register();
  return {
    logger: records.getLogger('support-agent'),
    async stop() {
      await traces.shutdown();
      await records.shutdown();
    },
  };
}
