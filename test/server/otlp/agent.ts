/** An agent instrumented with OpenTelemetry's own SDK, which sends to a recorder in one of the two encodings. */
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

export type Encoding = 'json' | 'protobuf';

export interface Instrumented {
  readonly tracer: ReturnType<NodeTracerProvider['getTracer']>;
  readonly logger: ReturnType<LoggerProvider['getLogger']>;
  /** Everything is sent, and answered. */
  flush(): Promise<void>;
}

export interface Sending {
  readonly encoding: Encoding;
  readonly headers?: Record<string, string>;
  readonly compression?: 'gzip' | 'none';
  /** Each span by itself, as it ends: children come in front of their parents. */
  readonly oneByOne?: boolean;
}

export function instrumented(
  origin: string,
  { encoding, headers = {}, compression = 'none', oneByOne = false }: Sending,
): Instrumented {
  const to = (path: string) => ({ url: `${origin}${path}`, headers, compression: compression as never });
  const spans = encoding === 'json' ? new JsonTraces(to('/v1/traces')) : new ProtobufTraces(to('/v1/traces'));
  const records = encoding === 'json' ? new JsonLogs(to('/v1/logs')) : new ProtobufLogs(to('/v1/logs'));
  const spanProcessor = oneByOne ? new SimpleSpanProcessor(spans) : new BatchSpanProcessor(spans);
  const traces = new NodeTracerProvider({ spanProcessors: [spanProcessor] });
  const logs = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: records })] });
  return {
    tracer: traces.getTracer('an-instrumentation', '1.2.3'),
    logger: logs.getLogger('an-instrumentation'),
    async flush() {
      await traces.shutdown();
      await logs.shutdown();
    },
  };
}

/** Runs `body` in a span of its own, below `parent`. */
export async function inSpan<T>(
  { tracer }: Pick<Instrumented, 'tracer'>,
  name: string,
  attributes: Record<string, string | number | boolean | string[]>,
  body: (span: Span) => T | Promise<T>,
  parent?: Span,
): Promise<T> {
  const within = parent === undefined ? context.active() : trace.setSpan(context.active(), parent);
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, within);
  try {
    return await body(span);
  } catch (error) {
    span.recordException(error as Error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message });
    throw error;
  } finally {
    span.end();
  }
}

/** A question, a model that wants a tool, the tool, and an answer: by the GenAI conventions as they are now. */
export async function answered(to: Instrumented, secret = 'nothing'): Promise<string> {
  return inSpan(
    to,
    'invoke_agent support',
    {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'support',
      'gen_ai.conversation.id': 'conv_1',
    },
    async (agent) => {
      const chat = {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-5',
        'server.address': 'api.openai.example',
        'server.port': 443,
      };
      const question = [{ role: 'user', parts: [{ type: 'text', content: `where is my order? ${secret}` }] }];
      await inSpan(
        to,
        'chat gpt-5',
        { ...chat, 'gen_ai.input.messages': JSON.stringify(question) },
        (span) => {
          span.setAttributes({
            'gen_ai.response.model': 'gpt-5-0613',
            'gen_ai.response.id': 'resp_1',
            'gen_ai.response.finish_reasons': ['tool_call'],
            'gen_ai.usage.input_tokens': 120,
            'gen_ai.usage.output_tokens': 8,
          });
        },
        agent,
      );
      await inSpan(
        to,
        'execute_tool order.find',
        {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'order.find',
          'gen_ai.tool.type': 'function',
          'gen_ai.tool.call.id': 'call_1',
          'gen_ai.tool.call.arguments': JSON.stringify({ order: 'o_1', note: secret }),
        },
        (span) => void span.setAttribute('gen_ai.tool.call.result', JSON.stringify({ state: 'sent' })),
        agent,
      );
      await inSpan(
        to,
        'execute_tool mail.send',
        { 'gen_ai.operation.name': 'execute_tool' },
        () => {
          throw Object.assign(new TypeError('no such address'), { name: 'TypeError' });
        },
        agent,
      ).catch(() => undefined);
      return agent.spanContext().traceId;
    },
  );
}
