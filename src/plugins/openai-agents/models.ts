/** Calls of models as the SDK's spans tell them: by name what was asked and answered, and what it cost. */
import type { Ended, ModelCall, Usage } from '../../sdk/types.ts';
import type { Message } from '../conversation.ts';
import { errorOf, isObject, objectIn, type SpanLike, textIn } from './types.ts';

type Data = SpanLike['spanData'];

/**
 * What a request says of itself. `response`: only its end tells which model it was. `otherwise`: whose it is, where the
 * span does not say.
 */
export function modelCallOf(data: Data, otherwise?: string): ModelCall {
  const response = objectIn(data, '_response');
  const config = objectIn(data, 'model_config');
  const provider = providerOf(config) ?? otherwise;
  const input = data.input ?? data._input;
  return {
    model: textIn(data, 'model') ?? (response && textIn(response, 'model')) ?? 'unknown',
    ...(provider === undefined ? {} : { provider }),
    ...(input === undefined ? {} : { input }),
    ...(config === undefined ? {} : { params: config }),
    ...(data.type === 'response' ? { metadata: { api: 'responses' } } : {}),
  };
}

/** As far as the span says it, which is seldom: both APIs are spoken by many. */
function providerOf(config: object | undefined): string | undefined {
  const named = config && textIn(config, 'provider');
  if (named !== undefined) return named;
  const base = config && textIn(config, 'base_url');
  return base !== undefined && URL.canParse(base) ? new URL(base).host : undefined;
}

export function modelEndOf({ spanData, error, startedAt, endedAt }: SpanLike, failed: unknown): Ended {
  const response = objectIn(spanData, '_response');
  const [chat] = Array.isArray(spanData.output) ? spanData.output : [];
  const output = response?.output ?? messageIn(chat) ?? spanData.output;
  const usage = usageOf(spanData.usage ?? response?.usage ?? (isObject(chat) ? chat.usage : undefined));
  const took = Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '');
  const wrong = failed ?? (error === null ? undefined : errorOf(error));
  return {
    ...(output === undefined ? {} : { output }),
    ...(wrong === undefined ? {} : { error: wrong }),
    ...(usage === undefined ? {} : { usage }),
    ...(Number.isFinite(took) ? { durationMs: took } : {}),
  };
}

/** Of a chat completion, what the model said. */
function messageIn(completion: unknown): unknown {
  const choices = isObject(completion) ? completion.choices : undefined;
  const [first] = Array.isArray(choices) ? choices : [];
  return isObject(first) ? first.message : undefined;
}

function usageOf(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const [inputTokens, outputTokens] = [
    usage.input_tokens ?? usage.prompt_tokens,
    usage.output_tokens ?? usage.completion_tokens,
  ];
  return {
    ...(typeof inputTokens === 'number' ? { inputTokens } : {}),
    ...(typeof outputTokens === 'number' ? { outputTokens } : {}),
  };
}

/** A tool that the provider carries out waits for a person: the run is interrupted, and nothing else tells so. */
export function asksForApproval(data: Data): boolean {
  const output = objectIn(data, '_response')?.output;
  return (
    Array.isArray(output) && output.some((item) => isObject(item) && item.type === 'mcp_approval_request')
  );
}

/** Undefined where the span keeps what was said to itself (`traceIncludeSensitiveData: false`). */
export function messagesIn(data: Data): readonly Message[] | undefined {
  const input = data.input ?? data._input;
  const response = objectIn(data, '_response');
  const instructions = response && textIn(response, 'instructions');
  const first: readonly Message[] =
    instructions === undefined ? [] : [{ role: 'system', content: instructions }];
  if (typeof input === 'string') return [...first, { role: 'user', content: input }];
  return Array.isArray(input) ? [...first, ...input.flatMap(messageOf)] : undefined;
}

/** Of an item of the SDK's or of chat completions: calls of tools and their results have no role, and are answers. */
export function messageOf(item: unknown): readonly Message[] {
  if (!isObject(item)) return [];
  const { role, content } = item;
  return [{ role: typeof role === 'string' ? role : 'assistant', content }];
}
