/** How what the AI SDK tells is named on record: its runs, the actions of its tools, and what others carry out. */
import type { Action, RunOptions } from '../../sdk/types.ts';
import type { Operation } from './operation.ts';
import type { AskedTool, TallyTelemetryOptions } from './options.ts';
import { providersTools, type Said, said, textOf } from './told.ts';

export function optionsOf(
  options: Pick<TallyTelemetryOptions, 'run'>,
  event: Said,
  isHeard: boolean,
): { readonly run: RunOptions; readonly about: Said } {
  const operation = textOf(event.operationId) ?? 'ai';
  const functionId = textOf(event.functionId);
  const version = textOf(event.aiVersion);
  const own =
    typeof options.run === 'function'
      ? options.run({ operation, functionId, runtimeContext: event.runtimeContext })
      : options.run;
  return {
    run: {
      workflow: functionId ?? operation,
      ...own,
      metadata: {
        framework: 'ai',
        ...(version === undefined ? {} : { framework_version: version }),
        ...own?.metadata,
      },
    },
    about: {
      call_id: textOf(event.callId) ?? 'unknown',
      operation,
      ...(functionId === undefined ? {} : { function_id: functionId }),
      // Nothing of it could be held: it was told while it happened.
      ...(isHeard ? { heard_on: 'ai:telemetry' } : {}),
    },
  };
}

/** Stands for arguments that telemetry is told to hide: an instance, which is never taken for the whole of anything. */
class HiddenByRecordInputs {}

export function actionOf(
  { action, approvalTimeoutMs }: Pick<TallyTelemetryOptions, 'action' | 'approvalTimeoutMs'>,
  tool: AskedTool,
  { about, signal }: Pick<Operation, 'about' | 'signal'>,
  hidden: boolean,
): Action {
  const { toolName, toolCallId, input } = tool;
  const own = action?.(tool) ?? {};
  const isWithheld = hidden && input === undefined;
  return {
    name: toolName,
    tool: { name: toolName },
    ...(approvalTimeoutMs === undefined ? {} : { approvalTimeoutMs }),
    ...own,
    signal,
    args: isWithheld ? new HiddenByRecordInputs() : input,
    // What the program keeps from telemetry is decided by, and hashed, and not kept.
    ...(hidden ? { payloads: false } : {}),
    metadata: { ...about, tool_call_id: toolCallId, ...own.metadata },
  };
}

/** A tool that somebody carried out without asking the wrapper around it: told when it is over. */
export async function toldTool(operation: Operation, event: Said): Promise<void> {
  const { toolName, toolCallId, input } = said(event.toolCall);
  const { type, output, error } = said(event.toolOutput);
  const id = textOf(toolCallId) ?? 'unknown';
  const metadata = { ...operation.about, tool_call_id: id, told_at: 'its end' };
  await operation.begin(`tool ${id}`, (run) =>
    run.toolCall({ name: textOf(toolName) ?? 'unnamed', args: input, metadata }),
  );
  const ms = event.toolExecutionMs;
  await operation.finish(`tool ${id}`, {
    ...(type === 'tool-result' ? { output } : { error: error ?? 'it failed' }),
    ...(typeof ms === 'number' ? { durationMs: ms } : {}),
  });
}

/** Tools that the provider carried out itself, out of a model's answer. */
export async function parts(operation: Operation, { content, provider }: Said): Promise<void> {
  const server = textOf(provider);
  for (const { isCall, id, name, part } of providersTools(content)) {
    const key = `tool ${id}`;
    const metadata = { ...operation.about, tool_call_id: id, provider_executed: true };
    const begin = (args: unknown): Promise<void> =>
      operation.begin(key, (run) =>
        run.toolCall({ name, args, ...(server === undefined ? {} : { server }), metadata }),
      );
    if (isCall) await begin(part.input);
    else {
      const ended =
        part.type === 'tool-error' ? { error: part.error ?? 'it failed' } : { output: part.output };
      if (await operation.finish(key, ended)) continue;
      // Its call was in an earlier answer that was not told.
      await begin(part.input);
      await operation.finish(key, ended);
    }
  }
}
