/** Calls of models as LangChain tells them. */
import type { ModelCall, Usage } from '../../sdk/types.ts';
import type { Message } from '../conversation.ts';
import { isObject, objectIn, textIn, type Words } from './types.ts';

/** What was asked of which model: `metadata` has it by LangChain's standard names, `extra` as it was sent. */
export function modelCallOf(llm: unknown, input: unknown, extra: unknown, metadata: unknown): ModelCall {
  const params = objectIn(extra, 'invocation_params');
  const provider = textIn(metadata, 'ls_provider');
  const model =
    textIn(metadata, 'ls_model_name') ??
    textIn(params, 'model') ??
    textIn(params, 'model_name') ??
    lastOf(llm);
  const sent = params === undefined ? undefined : withoutTools(params);
  return {
    model: model ?? 'unknown',
    ...(provider === undefined ? {} : { provider }),
    input,
    ...(sent === undefined || Object.keys(sent).length === 0 ? {} : { params: sent }),
  };
}

/** Descriptions of tools are long, and are none of what was asked. */
function withoutTools(params: Words): Words {
  return Object.fromEntries(
    Object.entries(params).filter(
      ([name, value]) => name !== 'tools' && name !== 'functions' && value !== undefined,
    ),
  );
}

/** The name of a class, which LangChain gives as the way to it. */
export function lastOf(serialized: unknown): string | undefined {
  const id = isObject(serialized) ? serialized.id : undefined;
  const last: unknown = Array.isArray(id) ? id.at(-1) : undefined;
  return typeof last === 'string' && last !== '' ? last : undefined;
}

const ROLES: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant', generic: 'user' };

/** Of a message of any class of LangChain's, by what it says of itself. */
export function plain(message: unknown): Message & Words {
  if (!isObject(message)) return { role: 'user', content: message };
  const { getType, _getType } = message as { readonly getType?: unknown; readonly _getType?: unknown };
  const ask = typeof getType === 'function' ? getType : _getType;
  const type: unknown =
    typeof ask === 'function' ? Reflect.apply(ask, message, []) : (message.type ?? message.role);
  const role = typeof type === 'string' ? (ROLES[type] ?? type) : 'unknown';
  const calls = message.tool_calls;
  const id = textIn(message, 'tool_call_id');
  const name = textIn(message, 'name');
  return {
    role,
    ...(name === undefined ? {} : { name }),
    content: message.content,
    ...(Array.isArray(calls) && calls.length > 0 ? { tool_calls: calls } : {}),
    ...(id === undefined ? {} : { tool_call_id: id }),
  };
}

/** What the model gave: its first answer of the first request, which is the only one here. */
export function answerIn(result: unknown): { readonly output: unknown; readonly usage?: Usage } {
  const [group] = isObject(result) && Array.isArray(result.generations) ? result.generations : [];
  const [first] = Array.isArray(group) ? group : [];
  const message = objectIn(first, 'message');
  const usage = usageOf(
    objectIn(message, 'usage_metadata') ?? objectIn(objectIn(result, 'llmOutput'), 'tokenUsage'),
  );
  return {
    output: message === undefined ? textIn(first, 'text') : plain(message),
    ...(usage === undefined ? {} : { usage }),
  };
}

function usageOf(usage: Words | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const [inputTokens, outputTokens] = [
    usage.input_tokens ?? usage.promptTokens,
    usage.output_tokens ?? usage.completionTokens,
  ];
  return {
    ...(typeof inputTokens === 'number' ? { inputTokens } : {}),
    ...(typeof outputTokens === 'number' ? { outputTokens } : {}),
  };
}
