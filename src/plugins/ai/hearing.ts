/**
 * Calls of the AI SDK that no integration of ours is asked about: made with `telemetry.integrations` of their own, or by
 * a copy that has another list. The tracing channel tells of them while they happen; nothing can be held there, so all of
 * it is the program's own word on record.
 */
import { isWhole, recorder } from './integration.ts';
import type { TallyTelemetryOptions } from './options.ts';
import { callOf, causeOf, endOf, type Said, said, textOf } from './told.ts';

export type HeardPhase = 'start' | 'asyncEnd';

/** Of these, steps, models and tools are told too. */
const STEPPED: ReadonlySet<unknown> = new Set(['generateText', 'streamText']);
const PARTS: ReadonlySet<unknown> = new Set(['step', 'languageModelCall', 'executeTool']);

/**
 * Messages are handed over in their order, one after the other. `isHeld`: one of our integrations has the call; `at`: when
 * it was told, in milliseconds of any clock.
 */
export type Hear = (phase: HeardPhase, message: unknown, isHeld: boolean, at: number) => Promise<void>;

export function createHearing(options: TallyTelemetryOptions): Hear {
  const { telemetry, recorded, known } = recorder(options, 'heard');
  /** Calls that have begun, and of which nothing else was told yet: another integration may record them. */
  const begun = new Map<string, unknown>();
  /** When what has not ended began; the same object tells its beginning and its end. */
  const began = new WeakMap<object, number>();

  const took = (message: Said, at: number): number => at - (began.get(message) ?? at);

  async function begin(callId: string, event: unknown): Promise<void> {
    const start = begun.get(callId);
    begun.delete(callId);
    await telemetry.onStart?.((start ?? event) as never);
  }

  async function hearTool(phase: HeardPhase, event: Said, message: Said, at: number): Promise<void> {
    const { toolName, toolCallId, input } = said(event.toolCall);
    const id = textOf(toolCallId) ?? 'unknown';
    const call = phase === 'start' ? recorded(event) : known(event);
    if (call === undefined) return;
    const { operation } = call;
    if (phase === 'start') {
      const metadata = { ...operation.about, tool_call_id: id };
      await operation.begin(`tool ${id}`, (run) =>
        run.toolCall({ name: textOf(toolName) ?? 'unnamed', args: input, metadata }),
      );
      return;
    }
    const output = said(said(message.result).output);
    const error = message.error ?? (output.type === 'tool-error' ? output.error : undefined);
    const durationMs = took(message, at);
    await operation.finish(`tool ${id}`, {
      ...(error === undefined ? { output: output.output } : { error }),
      durationMs,
    });
  }

  async function hearModel(phase: HeardPhase, event: Said, message: Said, at: number): Promise<void> {
    if (phase === 'start') return telemetry.onLanguageModelCallStart?.(event as never);
    const result = said(message.result);
    // What failed is asked again, or ends the call; a stream has only begun, and is over with its step.
    if (message.error !== undefined || result.stream !== undefined) return;
    const { callId, provider } = event;
    const performance = { responseTimeMs: took(message, at) };
    await telemetry.onLanguageModelCallEnd?.({ ...result, callId, provider, performance } as never);
  }

  /** Of a call without steps nothing is told before it is over. */
  async function hearWhole(callId: string, event: Said, message: Said, at: number): Promise<void> {
    await begin(callId, event);
    const operation = recorded(event)?.operation;
    const { value, values, query, documents, state, questions } = event;
    const asked = values ?? value ?? (query === undefined ? { state, questions } : { query, documents });
    if (!isWhole(event))
      await operation?.begin('whole', (run) => run.modelCall(callOf(event, asked, operation.about)));
    if (message.error !== undefined) return telemetry.onError?.({ callId, error: message.error });
    const { text, answers, ranking, embeddings, usage } = said(message.result);
    const output = text ??
      answers ??
      ranking ?? { embeddings: Array.isArray(embeddings) ? embeddings.length : 1 };
    const performance = { responseTimeMs: took(message, at) };
    await operation?.finish('whole', endOf({ usage, performance }, output));
    await operation?.end();
  }

  return async (phase, heard, isHeld, at) => {
    const message = said(heard);
    const event = said(message.event);
    const callId = textOf(event.callId);
    if (callId === undefined) return;
    if (isHeld) {
      begun.delete(callId);
      return;
    }
    if (phase === 'start') began.set(message, at);
    const { type } = message;
    if (!PARTS.has(type)) {
      if (phase === 'start') begun.set(callId, event);
      else if (!STEPPED.has(type)) await hearWhole(callId, event, message, at);
      else {
        if (message.error !== undefined && begun.has(callId)) await begin(callId, event);
        begun.delete(callId);
        if (message.error !== undefined) await telemetry.onError?.({ callId, error: message.error });
        else await known(event)?.operation.end();
      }
      return;
    }
    if (type === 'step') {
      // Where its model was streamed, or failed for good, that is over now.
      if (phase !== 'asyncEnd') return;
      const how = message.error === undefined ? {} : { error: causeOf(message.error) };
      await known(event)?.operation.finish('model', how);
      return;
    }
    if (begun.has(callId)) await begin(callId, event);
    await (type === 'executeTool' ? hearTool : hearModel)(phase, event, message, at);
  };
}
