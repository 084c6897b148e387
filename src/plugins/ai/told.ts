/** What the AI SDK tells, as the SDK's words for it. Nothing here trusts the shape of what it is handed. */
import type { Ended, ModelCall, Usage } from '../../sdk/types.ts';

/** An event of theirs; any member may be anything. */
export type Said = Readonly<Record<string, unknown>>;

export const said = (event: unknown): Said =>
  typeof event === 'object' && event !== null ? (event as Said) : {};

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const listOf = (value: unknown): readonly Said[] => (Array.isArray(value) ? value.map(said) : []);

const SETTINGS = [
  'maxOutputTokens',
  'temperature',
  'topP',
  'topK',
  'presencePenalty',
  'frequencyPenalty',
  'stopSequences',
  'seed',
  'reasoning',
  'dimensions',
  'topN',
] as const;

/** The beginning of a model's call. What a tool may do is in the policy, so of tools only their names are kept. */
export function callOf(event: Said, input: unknown, about: Said): ModelCall {
  const provider = textOf(event.provider);
  const tools = listOf(event.tools).flatMap(({ name }) => textOf(name) ?? []);
  const params = Object.fromEntries(
    SETTINGS.filter((name) => event[name] !== undefined).map((name) => [name, event[name]]),
  );
  const settings = { ...params, ...(tools.length === 0 ? {} : { tools }) };
  return {
    ...(provider === undefined ? {} : { provider }),
    model: textOf(event.modelId) ?? 'unnamed',
    ...(input === undefined ? {} : { input }),
    ...(Object.keys(settings).length === 0 ? {} : { params: settings }),
    metadata: about,
  };
}

export function promptOf(event: Said): unknown {
  const messages = event.messages ?? event.prompt;
  const instructions = event.instructions ?? event.system;
  if (messages === undefined) return undefined;
  return instructions === undefined ? { messages } : { instructions, messages };
}

/** A count, or an object that has the count as its `total`. */
function countOf(value: unknown): number | undefined {
  const count = typeof value === 'object' && value !== null ? said(value).total : value;
  return typeof count === 'number' ? count : undefined;
}

function usageOf(value: unknown): Usage | undefined {
  const usage = said(value);
  const inputTokens = countOf(usage.inputTokens) ?? countOf(usage.tokens);
  const outputTokens = countOf(usage.outputTokens);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  };
}

/** How a model's call ended, as its end says it: a provider may end a call well formed and say that it failed. */
export function endOf(event: Said, output: unknown): Ended {
  const finish = textOf(event.finishReason) ?? textOf(said(event.finishReason).unified);
  const response = textOf(event.responseId) ?? textOf(said(event.response).id);
  const usage = usageOf(event.usage);
  const { responseTimeMs } = said(event.performance);
  const metadata = {
    ...(finish === undefined ? {} : { finish }),
    ...(response === undefined ? {} : { response_id: response }),
  };
  return {
    ...(output === undefined ? {} : { output }),
    ...(usage === undefined ? {} : { usage }),
    ...(typeof responseTimeMs === 'number' ? { durationMs: responseTimeMs } : {}),
    ...(finish === 'error' ? { error: 'the model ended with an error', status: 'error' } : {}),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** What the call was asked last, where a person asked it. */
export function questionOf(event: Said): unknown {
  if (typeof event.prompt === 'string') return event.prompt;
  const messages = event.messages ?? event.prompt;
  const last = Array.isArray(messages) ? said(messages.at(-1)) : {};
  if (last.role !== 'user') return undefined;
  const parts = listOf(last.content);
  return parts.length > 0 && parts.every(({ type, text }) => type === 'text' && typeof text === 'string')
    ? parts.map(({ text }) => text).join('\n')
    : last.content;
}

/** The answer of a person to what the framework asked them, as the program hands it back. */
export interface Answer {
  readonly tool: string;
  readonly toolCallId: string;
  readonly approvalId: string;
  readonly approved: boolean;
  readonly reason: string | undefined;
}

/** Those in the last message, which are the ones that count; what a function answered is none of a person's. */
export function answersIn(messages: unknown): readonly Answer[] {
  const all = listOf(messages);
  const last = all.at(-1);
  if (last?.role !== 'tool') return [];
  const parts = all.filter(({ role }) => role === 'assistant').flatMap(({ content }) => listOf(content));
  const requests = new Map(
    parts
      .filter(({ type }) => type === 'tool-approval-request')
      .map((part) => [part.approvalId, part] as const),
  );
  const names = new Map(
    parts
      .filter(({ type }) => type === 'tool-call')
      .map(({ toolCallId, toolName }) => [toolCallId, toolName] as const),
  );
  return listOf(last.content).flatMap(({ type, approvalId, approved, reason }) => {
    const request = requests.get(approvalId);
    if (type !== 'tool-approval-response' || request === undefined || request.isAutomatic === true) return [];
    return [
      {
        tool: textOf(names.get(request.toolCallId)) ?? 'unnamed',
        toolCallId: textOf(request.toolCallId) ?? 'unknown',
        approvalId: textOf(approvalId) ?? 'unknown',
        approved: approved === true,
        reason: textOf(reason),
      },
    ];
  });
}

/** Calls of tools that the provider carried out on its side, and what came of them: heard of, and never held. */
export function providersTools(
  content: unknown,
): readonly { readonly isCall: boolean; readonly id: string; readonly name: string; readonly part: Said }[] {
  return listOf(content).flatMap((part) => {
    const { type, providerExecuted, toolCallId, toolName } = part;
    const isCall = type === 'tool-call';
    if (providerExecuted !== true || !(isCall || type === 'tool-result' || type === 'tool-error')) return [];
    return [{ isCall, id: textOf(toolCallId) ?? 'unknown', name: textOf(toolName) ?? 'unnamed', part }];
  });
}

/** An abort or a time limit that an error was caused by; else the error. Anything may be thrown. */
export function causeOf(error: unknown): unknown {
  let at = error;
  for (let i = 0; i < 8 && at instanceof Error; i++) {
    if (at.name === 'AbortError' || at.name === 'TimeoutError') return at;
    // What the AI SDK runs into when the reader of its stream goes away while it waits for the model.
    if (said(at).code === 'ERR_INVALID_STATE')
      return abortOf(undefined, `its reader went away: ${at.message}`);
    at = at.cause;
  }
  return error ?? new Error('it failed without an error');
}

export function abortOf(reason: unknown, otherwise: string): Error {
  if (reason instanceof Error && (reason.name === 'AbortError' || reason.name === 'TimeoutError'))
    return reason;
  const why = typeof reason === 'string' ? reason : reason instanceof Error ? reason.message : otherwise;
  return new DOMException(why, 'AbortError');
}
