/**
 * Traces of the SDK as runs: one for each trace, and below it one for each agent that was handed the task or is another
 * agent's tool, with a token that has no more than the one above. Shared by the processor, the hooks and the guard of one
 * `Tally`, so that nothing is told twice.
 */
// reason for length: the life of a trace and of its spans, from which every entry follows
import { LIMITS } from '../../core/limits.ts';
import type { Noted, Run, Tally } from '../../sdk/types.ts';
import { cutOff, type Held, hold } from '../held.ts';
import { type Lane, laneIn, laneOf } from './lane.ts';
import { asksForApproval, messagesIn, modelCallOf, modelEndOf } from './models.ts';
import { placeHere } from './sdk-context.ts';
import { errorOf, type SpanLike, type TraceLike, textIn } from './types.ts';

export interface TracesOptions {
  /** Of the run of a trace. Absent: the one of `createTally`. */
  readonly agent?: string | undefined;
  /** Of the models, where a span does not say. */
  readonly provider?: string | undefined;
}

/** One `Runner.run`, or a trace whose runs tell of none. Agents in it take over from each other. */
interface Task {
  readonly base: Lane;
  /** The one whose agent has it for a tool. */
  readonly above: Task | undefined;
  readonly lanes: Map<string, Lane>;
  current: Lane | undefined;
  /** What its agents tell of themselves, where they are listened to: a stream that is cancelled ends without a word. */
  heard: 'nothing' | 'began' | 'over';
}

interface OpenSpan {
  readonly lane: Lane;
  readonly task: Task;
  /** One `Runner.run`. */
  readonly isTask: boolean;
  /** Told to have begun. */
  call?: Noted;
  /** The guard around the tool records it. */
  claimed?: boolean;
  agent?: string;
}

interface OpenTrace {
  readonly lane: Lane;
  readonly task: Task;
  readonly spans: Map<string, OpenSpan>;
  /** Those with runs below their own: a span may come after its task was over. */
  readonly tasks: Set<Task>;
  /** The last of the ends that are under way. */
  ending: Promise<void>;
  /** A trace may be gone on with while it is open. None: the SDK told of its spans alone, and will not tell its end. */
  starts: number;
  /** A trace whose function threw is not told to end: nothing is heard of it any more. */
  idle?: NodeJS.Timeout;
}

export interface Traces {
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
  /** Calls of these tools, or of all tools of these agents, are recorded by their guard; what it never saw, at its end. */
  readonly guardedTools: Set<string>;
  readonly guardedAgents: Set<string>;
  options: TracesOptions;
}

const known = new WeakMap<Tally, Traces>();

export function tracesOf(tally: Tally): Traces {
  const found = known.get(tally) ?? createTraces(tally);
  known.set(tally, found);
  return found;
}

const taskOver = (base: Lane, above?: Task): Task => ({
  base,
  above,
  lanes: new Map(),
  current: undefined,
  heard: 'nothing',
});

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
    const lane = held === undefined ? laneIn(current as Run) : laneOf(held);
    const opened: OpenTrace = {
      lane,
      task: taskOver(lane),
      spans: new Map(),
      tasks: new Set(),
      ending: Promise.resolve(),
      starts,
    };
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

  function delegated(from: Lane, agent: string): Lane {
    const held: Promise<Held<Run>> = from.run.then((run) =>
      hold((during) => run.delegate({ agent, reason: 'handed the task' }, during)),
    );
    held.catch(() => undefined);
    return laneOf(held, from);
  }

  /** The first agent of a task acts in its run; whoever takes over from another has a run below that one's. */
  function laneFor(task: Task, agent: string): Lane {
    const before = task.lanes.get(agent);
    const { current, base, above } = task;
    const lane =
      before ??
      (current === undefined
        ? above === undefined
          ? base
          : delegated(base, agent)
        : delegated(current, agent));
    task.lanes.set(agent, lane);
    task.current = lane;
    return lane;
  }

  /** One after the other, as they are told: the SDK waits for none, and the end of a run revokes what runs below it act with. */
  function endTask(trace: OpenTrace, task: Task, error: Error | undefined): Promise<void> {
    const below = [...task.lanes.values()].filter((lane) => lane !== task.base).reverse();
    task.lanes.clear();
    task.current = undefined;
    trace.ending = trace.ending.then(async () => {
      for (const lane of below) await lane.end(error);
      await task.base.settle();
    });
    return trace.ending;
  }

  function spanStart(span: SpanLike): void {
    const trace = traceOf(span);
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
          task: taskOver(lane, above?.agent === undefined ? undefined : task),
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
        queueMicrotask(() => tellModelCall(own, data));
        return;
      case 'function': {
        trace.spans.set(span.spanId, own);
        const name = textIn(data, 'name') ?? 'unnamed';
        if (self.guardedTools.has(name) || self.guardedAgents.has(own.agent ?? '')) return;
        queueMicrotask(() => tellToolCall(own, data));
        return;
      }
      default:
        trace.spans.set(span.spanId, own);
    }
  }

  function tellModelCall(span: OpenSpan, data: SpanLike['spanData']): void {
    if (span.call !== undefined) return;
    const messages = messagesIn(data);
    span.lane.tell((run) => {
      if (messages !== undefined && !span.lane.saidByHooks) span.lane.conversation.heard(run, messages);
      span.call ??= run.modelCall(modelCallOf(data, self.options.provider));
    });
  }

  function tellToolCall(span: OpenSpan, data: SpanLike['spanData']): void {
    if (span.call !== undefined || span.claimed === true) return;
    span.lane.tell((run) => {
      const args = argsIn(textIn(data, 'input'));
      span.call ??= run.toolCall({
        name: textIn(data, 'name') ?? 'unnamed',
        ...(args === undefined ? {} : { args }),
      });
    });
  }

  async function spanEnd(span: SpanLike): Promise<void> {
    const trace = open.get(span.traceId);
    const found = trace?.spans.get(span.spanId);
    if (trace === undefined || found === undefined) return;
    trace.spans.delete(span.spanId);
    heard(span.traceId, trace);
    const { spanData: data, error } = span;
    const failed = error === null ? undefined : errorOf(error);
    const { lane } = found;
    switch (data.type) {
      case 'task': {
        const why = failed ?? (found.task.heard === 'began' ? cutOff('cancelled', CANCELLED) : undefined);
        // The SDK does not tell the end of a trace whose run failed, nor of one that went on: nobody else would end it.
        if ((why !== undefined || trace.starts === 0) && !hasTasks(trace)) {
          await finish(span.traceId, trace, why);
          return;
        }
        trace.tasks.delete(found.task);
        await endTask(trace, found.task, why);
        return;
      }
      case 'generation':
      case 'response':
      case 'transcription':
      case 'speech':
        if (asksForApproval(data)) interrupted(found.task);
        tellModelCall(found, data);
        lane.tell((run) => {
          if (found.call !== undefined) run.modelResponse(found.call, modelEndOf(span, failed));
        });
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

  async function tellToolEnd(found: OpenSpan, span: SpanLike, failed: Error | undefined): Promise<void> {
    if (found.claimed === true) return;
    const { spanData: data, error } = span;
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
      if (isRejected)
        run.humanApproval({ what: name, approved: false, metadata: { how: 'RunState.reject' } });
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
    spanStart,
    spanEnd,
    async close() {
      const why = cutOff('tracing_ended', 'tracing was shut down before the trace was over');
      await Promise.all([...open.keys()].map((traceId) => end(traceId, why)));
    },
    here() {
      const place = placeHere();
      const trace = place && open.get(place.traceId);
      const span = trace?.spans.get(place?.spanId ?? '');
      return span?.lane ?? trace?.task.current ?? trace?.lane;
    },
    progress(told) {
      const place = placeHere();
      const trace = place && open.get(place.traceId);
      const task = trace?.spans.get(place?.spanId ?? '')?.task;
      if (task !== undefined && told !== 'interrupted') task.heard = told;
      else interrupted(task);
    },
    claim() {
      const place = placeHere();
      const span = place && open.get(place.traceId)?.spans.get(place.spanId ?? '');
      if (span !== undefined) span.claimed = true;
    },
  };
  return self;
}

function interrupted(task: Task | undefined): void {
  for (let at = task; at !== undefined; at = at.above) at.heard = 'over';
}

const CANCELLED = 'the run was over before its agent had given an answer';

const hasTasks = ({ spans }: OpenTrace): boolean => [...spans.values()].some(({ isTask }) => isTask);

function about(data: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = (data as Readonly<Record<string, unknown>>)[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** As the SDK says it in the span of a call that a person rejected. */
function isRejection(said: unknown): boolean {
  return typeof said === 'string' && said.endsWith('was manually rejected by user.');
}

const denied = (): Error => Object.assign(new Error('a person said no to it'), { code: 'denied_by_client' });

/** What the model asked for: an object in JSON, or whatever it wrote. */
export function argsIn(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
