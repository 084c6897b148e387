/**
 * The AI SDK's telemetry integration that records, and that holds tools until they are decided. Observers of telemetry
 * are told and cannot object, so they only record; the two wrappers are asked to do the work, and hold it: no tool begins
 * without its decision on disk, and no model is asked in a run that could not be begun.
 */
import type { Telemetry } from 'ai';
import type { Run } from '../../sdk/types.ts';
import { tally as standard } from '../../sdk.ts';
import { abandonWaiting, type Known, rememberMessages } from './approvals.ts';
import { actionOf, optionsOf, parts, toldTool } from './describe.ts';
import { openOperation } from './operation.ts';
import type { TallyTelemetryOptions } from './options.ts';
import { claim, type Kind, MARK, type Owner, release } from './owners.ts';
import { watchStream } from './stream.ts';
import { abortOf, answersIn, callOf, endOf, promptOf, questionOf, type Said, said, textOf } from './told.ts';
import { beginToolAct, type ToolAct } from './tool-act.ts';

/** Calls that have steps and tools; the others are one question to a model. */
const AGENTS: ReadonlySet<string> = new Set([
  'ai.generateText',
  'ai.streamText',
  'ai.generateObject',
  'ai.streamObject',
]);
/** Of these nothing is told but their beginning and their end. */
const WHOLE: ReadonlySet<string> = new Set(['ai.generateSpeech', 'ai.transcribe', 'ai.streamTranscribe']);
export const isWhole = ({ operationId }: Said): boolean => WHOLE.has(textOf(operationId) ?? '');

export interface Recorder {
  readonly telemetry: Telemetry;
  /** The call that an event is of; begun when it is not known yet. Undefined: another integration records it. */
  recorded(event: unknown): Known | undefined;
  /** The same, where it is known. */
  known(event: unknown): Known | undefined;
}

export function recorder(options: TallyTelemetryOptions, kind: Kind): Recorder {
  const tally = options.tally ?? standard;
  const calls = new Map<string, Known>();
  const me: Owner = { kind };
  /** Tools that the wrapper was asked to carry out, until their end is told; also of calls that are over by then. */
  const running = new Map<string, ToolAct>();

  function recorded(event: unknown): Known | undefined {
    const told = said(event);
    const callId = textOf(told.callId);
    if (callId === undefined || !claim(callId, me)) return undefined;
    const known = calls.get(callId);
    if (known !== undefined) return known;
    const { run, about } = optionsOf(options, told, kind === 'heard');
    const hidden = told.recordInputs === false;
    const isAgent = AGENTS.has(textOf(told.operationId) ?? '');
    const operation = openOperation({
      tally,
      callId,
      isAgent,
      options: run,
      about,
      onEnd() {
        calls.delete(callId);
        release(callId);
        abandonWaiting(made);
      },
    });
    const made: Known = {
      operation,
      waiting: new Map(),
      action: (tool) => actionOf(options, tool, operation, hidden),
    };
    calls.set(callId, made);
    // What can be held fails with the reason; what can only be told goes on, and somebody has to hear of it.
    if (!isAgent || kind === 'heard')
      operation.run.catch((error: unknown) => warnOf(textOf(about.operation) ?? 'ai', error));
    return made;
  }

  const known = (event: unknown): Known | undefined => calls.get(textOf(said(event).callId) ?? '');

  async function begin(event: unknown, key: string, input: (told: Said) => unknown): Promise<void> {
    const call = recorded(event);
    const told = said(event);
    await call?.operation.begin(key, (run) => run.modelCall(callOf(told, input(told), call.operation.about)));
  }

  async function finish(event: unknown, key: string, output: (told: Said) => unknown): Promise<void> {
    const told = said(event);
    await known(event)?.operation.finish(key, endOf(told, output(told)));
  }

  const telemetry: Telemetry = {
    async onStart(event) {
      const call = recorded(event);
      if (call === undefined) return;
      const told = said(event);
      rememberMessages(told.messages, call);
      tellStart(await call.operation.run, told, call.operation.about);
      if (isWhole(told)) await begin(event, 'whole', ({ text, audio }) => text ?? audio);
    },
    onStepStart: (event) => void noteStep(event),
    onLanguageModelCallStart: (event) => begin(event, 'model', promptOf),
    async onLanguageModelCallEnd(event) {
      const { content } = said(event);
      await finish(event, 'model', () => content);
      const call = known(event);
      if (call !== undefined) await parts(call.operation, said(event));
    },
    onObjectStepStart: (event) => begin(event, 'model', (told) => told.promptMessages),
    onObjectStepEnd: (event) => finish(event, 'model', ({ objectText }) => objectText),
    onEmbedStart: (event) => begin(event, `embed ${event.embedCallId}`, ({ values }) => values),
    // Of vectors, how many: they are neither words nor a secret's place, and there are thousands of numbers.
    onEmbedEnd: (event) =>
      finish(event, `embed ${event.embedCallId}`, ({ embeddings }) => ({
        embeddings: Array.isArray(embeddings) ? embeddings.length : 0,
      })),
    onRerankStart: (event) => begin(event, 'rerank', ({ query, documents }) => ({ query, documents })),
    onRerankEnd: (event) => finish(event, 'rerank', ({ ranking }) => ranking),
    experimental_onDecisionModelCallStart: (event) =>
      begin(event, 'decide', ({ state, questions }) => ({ state, questions })),
    experimental_onDecisionModelCallEnd: (event) => finish(event, 'decide', ({ answers }) => answers),
    experimental_onStreamTranscriptionStart: (event) => begin(event, 'whole', ({ audio }) => audio),
    async experimental_onStreamTranscriptionEnd(event) {
      await finish(event, 'whole', ({ text }) => text);
      await known(event)?.operation.end();
    },
    onStepEnd(event) {
      const call = known(event);
      if (call !== undefined) abandonWaiting(call);
    },
    async onEnd(event) {
      await finish(event, 'whole', ({ text, audio }) => text ?? audio);
      await known(event)?.operation.end();
    },
    async onAbort(event) {
      await recorded(event)?.operation.end(abortOf(event.reason, 'it was aborted'));
    },
    async onError(event) {
      const { error } = said(event);
      await recorded(event)?.operation.end(error ?? new Error('it failed without an error'));
    },
    async onToolExecutionEnd(event) {
      const key = keyOf(event.callId, textOf(said(event.toolCall).toolCallId));
      const act = running.get(key);
      running.delete(key);
      if (act !== undefined) {
        const output = said(event.toolOutput);
        await act.gave(output.type === 'tool-result' ? output.output : undefined);
        return;
      }
      const call = known(event);
      if (call !== undefined) await toldTool(call.operation, said(event));
    },
    async executeLanguageModelCall({ execute, ...event }) {
      const call = recorded(event);
      if (call === undefined) return execute();
      const { operation } = call;
      await operation.run;
      const result = await execute();
      watchStream(result, (reason) => operation.cancelled(reason));
      return result;
    },
    async executeTool({ execute, ...event }) {
      const call = recorded(event);
      if (call === undefined) return execute();
      const { callId, toolCallId } = event;
      const { toolName, input } = said(event.toolCall);
      const run = await call.operation.run;
      const act =
        call.waiting.get(toolCallId) ??
        beginToolAct(run, call.action({ toolName: textOf(toolName) ?? 'unnamed', toolCallId, input }));
      call.waiting.delete(toolCallId);
      running.set(keyOf(callId, toolCallId), act);
      return await call.operation.during(act.carryOut(execute));
    },
  };

  function noteStep(event: unknown): void {
    const call = known(event);
    if (call !== undefined) rememberMessages(said(event).messages, call);
  }

  Object.defineProperty(telemetry, MARK, { value: kind });
  return { telemetry, recorded, known };
}

const keyOf = (callId: string, toolCallId: string | undefined): string => `${callId} ${toolCallId}`;

function warnOf(operation: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  process.emitWarning(
    `NOT RECORDED: ${operation} goes on, and is not in the log: ${why}`,
    'TallystickWarning',
  );
}

/** What the model is told to be, what it is asked, and what people have answered to the framework. */
function tellStart(run: Run, told: Said, about: Said): void {
  const instructions = told.instructions ?? told.system;
  if (AGENTS.has(textOf(told.operationId) ?? '')) {
    if (instructions !== undefined) run.systemInstruction(instructions, { metadata: about });
    const question = questionOf(told);
    if (question !== undefined) run.userMessage(question, { metadata: about });
  }
  for (const { tool, toolCallId, approvalId, approved, reason } of answersIn(told.messages))
    run.humanApproval({
      what: tool,
      approved,
      ...(reason === undefined ? {} : { reason }),
      metadata: { ...about, tool_call_id: toolCallId, approval_id: approvalId },
    });
}
