/**
 * Traces of the SDK as runs: one for each trace, and below it one for each agent that was handed the task or is another
 * agent's tool, with a token that has no more than the one above. Shared by the processor, the hooks and the guard of one
 * `Tally`, so that nothing is told twice.
 */
import { LIMITS } from '../../core/limits.ts';
import type { Run, Tally } from '../../sdk/types.ts';
import { cutOff, hold } from '../held.ts';
import { type Lane, laneIn, laneOf } from './lane.ts';
import { endTask, hasTasks, newTrace, type OpenSpan, type OpenTrace } from './open-trace.ts';
import { placeHere } from './sdk-context.ts';
import type { Setup } from './setup.ts';
import { beginSpan, endSpan } from './spans.ts';
import { interrupted } from './task.ts';
import { errorOf, type SpanLike, type TraceLike } from './types.ts';

export interface Traces extends Setup {
  /** Resolves when its run is on record. Rejects where it may not begin. */
  start(trace: TraceLike): Promise<void>;
  end(trace: TraceLike): Promise<void>;
  spanStart(span: SpanLike): void;
  spanEnd(span: SpanLike): Promise<void>;
  /** Everything that is open, as aborted. */
  close(): Promise<void>;
  /** Of the agent that code runs in. */
  here(): Lane | undefined;
  /** Of what the code runs in: an agent began; it gave its last answer; it waits for a person, as does all above it. */
  progress(told: 'began' | 'over' | 'interrupted'): void;
  /** The function span that code runs in is recorded by who asks. */
  claim(): void;
}

const known = new WeakMap<Tally, Traces>();

export function tracesOf(tally: Tally): Traces {
  const found = known.get(tally) ?? createTraces(tally);
  known.set(tally, found);
  return found;
}

const CANCELLED = 'the run was over before its agent had given an answer';

function createTraces(tally: Tally): Traces {
  const open = new Map<string, OpenTrace>();

  function begin(
    trace: TraceLike,
    starts: number,
  ): { readonly trace: OpenTrace; readonly begun: Promise<unknown> } {
    const { name, groupId, traceId, metadata } = trace;
    const current = tally.current();
    const { agent } = self.options;
    const held =
      current === undefined
        ? hold<Run>((during) =>
            tally.run(
              {
                workflow: name,
                metadata: { ...metadata, framework: '@openai/agents', trace_id: traceId },
                ...(agent === undefined ? {} : { agent }),
                ...(groupId === null ? {} : { session: groupId }),
              },
              during,
            ),
          )
        : undefined;
    const opened = newTrace(held === undefined ? laneIn(current as Run) : laneOf(held), starts);
    open.set(traceId, opened);
    heard(traceId, opened);
    return { trace: opened, begun: held ?? Promise.resolve() };
  }

  function heard(traceId: string, trace: OpenTrace): void {
    clearTimeout(trace.idle);
    const late = (): void => {
      if (open.get(traceId) !== trace) return;
      if (trace.spans.size > 0) heard(traceId, trace);
      else void end(traceId, cutOff('not_told', 'nothing was told of the trace any more'));
    };
    trace.idle = setTimeout(late, LIMITS.pluginIdleMs).unref();
  }

  /**
   * Spans come without their trace where it goes on: after an interruption, in this process or another one, and after a run
   * in it that failed.
   */
  function traceOf(span: SpanLike): OpenTrace {
    const found = open.get(span.traceId);
    if (found !== undefined) return found;
    return begin({ traceId: span.traceId, name: 'Agent workflow', groupId: null }, 0).trace;
  }

  async function spanEnd(span: SpanLike): Promise<void> {
    const trace = open.get(span.traceId);
    const found = trace?.spans.get(span.spanId);
    if (trace === undefined || found === undefined) return;
    trace.spans.delete(span.spanId);
    heard(span.traceId, trace);
    const failed = span.error === null ? undefined : errorOf(span.error);
    if (found.isTask) await taskEnd(span.traceId, trace, found, failed);
    else await endSpan(found, span, failed, self);
  }

  async function taskEnd(
    traceId: string,
    trace: OpenTrace,
    { task }: OpenSpan,
    failed: Error | undefined,
  ): Promise<void> {
    const why = failed ?? (task.heard === 'began' ? cutOff('cancelled', CANCELLED) : undefined);
    // The SDK does not tell the end of a trace whose run failed, nor of one that went on: nobody else would end it.
    if ((why !== undefined || trace.starts === 0) && !hasTasks(trace)) {
      await finish(traceId, trace, why);
      return;
    }
    trace.tasks.delete(task);
    await endTask(trace, task, why);
  }

  async function end(traceId: string, error?: Error): Promise<void> {
    const trace = open.get(traceId);
    if (trace === undefined || (error === undefined && --trace.starts > 0)) return;
    await finish(traceId, trace, error);
  }

  /** The runs below it end before it does. */
  async function finish(traceId: string, trace: OpenTrace, error: Error | undefined): Promise<void> {
    if (open.get(traceId) === trace) open.delete(traceId);
    clearTimeout(trace.idle);
    for (const task of [...trace.tasks].reverse()) void endTask(trace, task, error);
    await trace.ending;
    await trace.lane.end(error);
  }

  /** What code runs in that asks now, by the SDK's own books. */
  function openHere(): { readonly trace: OpenTrace | undefined; readonly span: OpenSpan | undefined } {
    const place = placeHere();
    const trace = place && open.get(place.traceId);
    return { trace, span: trace?.spans.get(place?.spanId ?? '') };
  }

  const self: Traces = {
    options: {},
    guardedTools: new Set(),
    guardedAgents: new Set(),
    async start(trace) {
      const found = open.get(trace.traceId);
      if (found !== undefined) {
        found.starts++;
        await found.lane.run;
        return;
      }
      const { begun } = begin(trace, 1);
      try {
        await begun;
      } catch (error) {
        open.delete(trace.traceId);
        throw error;
      }
    },
    end: ({ traceId }) => end(traceId),
    spanStart: (span) => beginSpan(traceOf(span), span, self),
    spanEnd,
    async close() {
      const why = cutOff('tracing_ended', 'tracing was shut down before the trace was over');
      await Promise.all([...open.keys()].map((traceId) => end(traceId, why)));
    },
    here() {
      const { trace, span } = openHere();
      return span?.lane ?? trace?.task.current ?? trace?.lane;
    },
    progress(told) {
      const task = openHere().span?.task;
      if (task !== undefined && told !== 'interrupted') task.heard = told;
      else interrupted(task);
    },
    claim() {
      const { span } = openHere();
      if (span !== undefined) span.claimed = true;
    },
  };
  return self;
}
