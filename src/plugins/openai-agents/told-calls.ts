/** Calls of models and tools, told to the run they are made in as their spans begin and end. */
import { messagesIn, modelCallOf, modelEndOf } from './models.ts';
import type { OpenSpan } from './open-trace.ts';
import type { Setup } from './setup.ts';
import { argsIn, type SpanLike, textIn } from './types.ts';

type Data = SpanLike['spanData'];

/** Once, with what stands in the span when it is told. */
export function tellModelCall(span: OpenSpan, data: Data, setup: Pick<Setup, 'options'>): void {
  if (span.call !== undefined) return;
  const { lane } = span;
  const messages = messagesIn(data);
  lane.tell((run) => {
    if (messages !== undefined && !lane.saidByHooks) lane.conversation.heard(run, messages);
    span.call ??= run.modelCall(modelCallOf(data, setup.options.provider));
  });
}

export function tellModelEnd(found: OpenSpan, span: SpanLike, failed: Error | undefined): void {
  found.lane.tell((run) => {
    if (found.call !== undefined) run.modelResponse(found.call, modelEndOf(span, failed));
  });
}

/** Once, unless its guard records it. */
export function tellToolCall(span: OpenSpan, data: Data): void {
  if (span.call !== undefined || span.claimed === true) return;
  span.lane.tell((run) => {
    const args = argsIn(textIn(data, 'input'));
    span.call ??= run.toolCall({
      name: textIn(data, 'name') ?? 'unnamed',
      ...(args === undefined ? {} : { args }),
    });
  });
}

export async function tellToolEnd(
  found: OpenSpan,
  { spanData: data, error }: SpanLike,
  failed: Error | undefined,
): Promise<void> {
  if (found.claimed === true) return;
  const name = textIn(data, 'name') ?? 'unnamed';
  const input = textIn(data, 'input');
  const print = input === undefined ? undefined : JSON.stringify(argsIn(input));
  const left = [...found.lane.leftovers].find(
    (one) => one.tool === name && (print === undefined || one.print === print),
  );
  if (left !== undefined)
    return left.giveUp('the SDK answered it in its place: a guardrail of the tool, or its end');
  tellToolCall(found, data);
  found.lane.tell((run) => {
    const isRejected = isRejection(error?.data?.error);
    if (isRejected) run.humanApproval({ what: name, approved: false, metadata: { how: 'RunState.reject' } });
    const output = textIn(data, 'output');
    if (found.call !== undefined)
      run.toolResult(found.call, {
        ...(output === undefined ? {} : { output }),
        // It was never made: the program's own stop, as a hook of the Claude Agent SDK has it.
        ...(isRejected
          ? { status: 'blocked', error: denied() }
          : failed === undefined
            ? {}
            : { error: failed }),
      });
  });
}

/** As the SDK says it in the span of a call that a person rejected. */
function isRejection(said: unknown): boolean {
  return typeof said === 'string' && said.endsWith('was manually rejected by user.');
}

const denied = (): Error => Object.assign(new Error('a person said no to it'), { code: 'denied_by_client' });
