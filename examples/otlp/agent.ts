/**
 * A support agent that knows OpenTelemetry and nothing of any record: its model and its tools are spans by the GenAI
 * semantic conventions, its user's message is an event, as instrumentations write them.
 */
import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Telemetry } from './telemetry.ts';

const tracer = trace.getTracer('support-agent', '1.0.0');

type Attributes = Record<string, string | number | string[]>;

async function spanned<T>(
  name: string,
  attributes: Attributes,
  body: (span: Span) => T | Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL, attributes }, async (span) => {
    try {
      return await body(span);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** What the shop really does. Its answer holds a key of the shop by mistake: programs do such things. */
export interface Shop {
  find(order: string): { readonly state: string };
  refund(order: string, amount: number): { readonly receipt: string; readonly debug: string };
}

interface Said {
  readonly text?: string;
  readonly tool?: { readonly name: 'order.find' | 'refund.create'; readonly args: Record<string, unknown> };
}

export type Model = (messages: readonly unknown[]) => Said;

export async function support(
  model: Model,
  shop: Shop,
  { logger }: Pick<Telemetry, 'logger'>,
  question: string,
): Promise<string> {
  const about = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'support',
    'gen_ai.conversation.id': 'conv_1',
  };
  return spanned('invoke_agent support', about, async () => {
    logger.emit({ eventName: 'gen_ai.user.message', body: { content: question } });
    const messages: unknown[] = [{ role: 'user', content: question }];
    for (;;) {
      const { text, tool } = await ask(model, messages);
      if (tool === undefined) return text ?? '';
      messages.push({ role: 'tool', name: tool.name, content: await use(shop, tool) });
    }
  });
}

function ask(model: Model, messages: readonly unknown[]): Promise<Said> {
  const about = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'scripted',
    'gen_ai.request.model': 'scripted-1',
    'gen_ai.input.messages': JSON.stringify(messages),
  };
  return spanned('chat scripted-1', about, (span) => {
    const said = model(messages);
    span.setAttributes({
      'gen_ai.response.model': 'scripted-1',
      'gen_ai.response.finish_reasons': [said.tool === undefined ? 'stop' : 'tool_call'],
      'gen_ai.usage.input_tokens': 40 * messages.length,
      'gen_ai.usage.output_tokens': 12,
      'gen_ai.output.messages': JSON.stringify(said),
    });
    return said;
  });
}

async function use(shop: Shop, { name, args }: NonNullable<Said['tool']>): Promise<unknown> {
  const about = {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': name,
    'gen_ai.tool.type': 'function',
    'gen_ai.tool.call.arguments': JSON.stringify(args),
  };
  try {
    return await spanned(`execute_tool ${name}`, about, (span) => {
      const order = String(args.order);
      const result = name === 'order.find' ? shop.find(order) : shop.refund(order, Number(args.amount));
      span.setAttribute('gen_ai.tool.call.result', JSON.stringify(result));
      return result;
    });
  } catch (error) {
    return { failed: (error as Error).message };
  }
}
