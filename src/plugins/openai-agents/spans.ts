/** The life of one span: which task and which agent's run it belongs to, and what it tells that run. */
import { asksForApproval } from './models.ts';
import type { OpenSpan, OpenTrace } from './open-trace.ts';
import type { Setup } from './setup.ts';
import { interrupted, laneFor, newTask } from './task.ts';
import { tellModelCall, tellModelEnd, tellToolCall, tellToolEnd } from './told-calls.ts';
import { type SpanLike, textIn } from './types.ts';

export function beginSpan(trace: OpenTrace, span: SpanLike, setup: Setup): void {
  // Two processors of one log hear the same.
  if (trace.spans.has(span.spanId)) return;
  const above = span.parentId === null ? undefined : trace.spans.get(span.parentId);
  const { spanData: data } = span;
  const task = above?.task ?? trace.task;
  const lane = above?.lane ?? trace.lane;
  const own: OpenSpan = { lane, task, isTask: data.type === 'task' };
  if (above?.agent !== undefined) own.agent = above.agent;
  switch (data.type) {
    case 'task':
      trace.spans.set(span.spanId, {
        ...own,
        task: newTask(lane, above?.agent === undefined ? undefined : task),
      });
      return;
    case 'agent': {
      const agent = textIn(data, 'name') ?? 'unnamed';
      const taken = laneFor(task, agent);
      trace.tasks.add(task);
      trace.spans.set(span.spanId, { ...own, lane: taken, agent });
      taken.tell((run) => run.custom('agent.start', about(data, ['name', 'tools', 'handoffs'])));
      return;
    }
    case 'generation':
    case 'transcription':
    case 'speech':
      trace.spans.set(span.spanId, own);
      // What is asked stands in the span a moment after it began.
      queueMicrotask(() => tellModelCall(own, data, setup));
      return;
    case 'function': {
      trace.spans.set(span.spanId, own);
      const name = textIn(data, 'name') ?? 'unnamed';
      if (setup.guardedTools.has(name) || setup.guardedAgents.has(own.agent ?? '')) return;
      queueMicrotask(() => tellToolCall(own, data));
      return;
    }
    default:
      trace.spans.set(span.spanId, own);
  }
}

/** Of a span that is no task. */
export async function endSpan(
  found: OpenSpan,
  span: SpanLike,
  failed: Error | undefined,
  setup: Setup,
): Promise<void> {
  const { spanData: data } = span;
  const { lane } = found;
  switch (data.type) {
    case 'generation':
    case 'response':
    case 'transcription':
    case 'speech':
      if (asksForApproval(data)) interrupted(found.task);
      tellModelCall(found, data, setup);
      tellModelEnd(found, span, failed);
      return;
    case 'function':
      await tellToolEnd(found, span, failed);
      return;
    case 'handoff':
      lane.tell((run) => run.custom('handoff', about(data, ['from_agent', 'to_agent'])));
      return;
    case 'guardrail':
      lane.tell((run) =>
        run.policyCheck({
          name: textIn(data, 'name') ?? 'guardrail',
          result: data.triggered === true || failed !== undefined ? 'fail' : 'pass',
          ...(failed === undefined ? {} : { details: { error: failed.message } }),
        }),
      );
      return;
    case 'custom':
      lane.tell((run) => run.custom(textIn(data, 'name') ?? 'custom', data.data));
      return;
    case 'mcp_tools':
      lane.tell((run) => run.custom('mcp.list_tools', about(data, ['server', 'result'])));
  }
}

/** What the span says under these names. */
function about(data: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = (data as Readonly<Record<string, unknown>>)[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
