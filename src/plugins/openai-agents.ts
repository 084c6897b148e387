/**
 * `tallystick/openai-agents`: records and guards agents of the OpenAI Agents SDK (docs/frameworks.md).
 *
 *     addTraceProcessor(tallyProcessor());
 *     await run(guardAgent(agent), 'where is my order?');
 *
 * The processor and the hooks record what they hear, `self_reported`; what the guard decides is `enforced`.
 */
import type { TracingProcessor } from '@openai/agents';
import type { Tally } from '../sdk/types.ts';
import { tally as standard } from '../sdk.ts';
import { guardedAgent } from './openai-agents/agents.ts';
import { type Hooked, hooksOn } from './openai-agents/hooks.ts';
import { type GuardOptions, guardedTool, guarding } from './openai-agents/tools.ts';
import { tracesOf } from './openai-agents/traces.ts';

export type { GuardOptions } from './openai-agents/tools.ts';
export type { Hooked };

export interface PluginOptions {
  /** Absent: the process's own. */
  readonly tally?: Tally;
}

export interface ProcessorOptions extends PluginOptions {
  /** Whose run a trace is. Absent: the one of `createTally`. */
  readonly agent?: string;
  /** Whose models these are, where the SDK does not say: it seldom does. */
  readonly provider?: string;
}

/** For `addTraceProcessor`, or for `setTraceProcessors` in place of the SDK's own exporter. */
export function tallyProcessor({
  tally = standard,
  agent,
  provider,
}: ProcessorOptions = {}): TracingProcessor {
  const traces = tracesOf(tally);
  traces.options = { agent, provider };
  return {
    onTraceStart: (trace) => traces.start(trace),
    onTraceEnd: (trace) => traces.end(trace),
    // What is told is told at once: the order of entries is that of the calls.
    onSpanStart: async (span) => traces.spanStart(span),
    onSpanEnd: (span) => traces.spanEnd(span),
    async shutdown(timeout) {
      await traces.close();
      // With a time limit it is the end of the program, which the SDK waits for; without one, processors are replaced.
      if (timeout !== undefined) await tally.close();
    },
    forceFlush: () => tally.flush(),
  };
}

/** Listens to a `Runner`. For programs without tracing: then it has to run in `tally.run`. Gives the runner back. */
export function tallyHooks<R extends Hooked>(runner: R, { tally = standard }: PluginOptions = {}): R {
  hooksOn(runner, tally);
  return runner;
}

/**
 * Another agent, whose tools are decided and on record before they run: functions, shells, editors of files, tools of MCP
 * servers, and those of the agents it hands over to. An agent that is used as a tool is guarded before `asTool`.
 */
export function guardAgent<A extends object>(agent: A, options: GuardOptions & PluginOptions = {}): A {
  const { tally = standard } = options;
  return guardedAgent(agent, guarding(tally, tracesOf(tally), options));
}

/** One tool, as `guardAgent` guards each. */
export function guardTool<T extends object>(tool: T, options: GuardOptions & PluginOptions = {}): T {
  const { tally = standard } = options;
  return guardedTool(tool, guarding(tally, tracesOf(tally), options)) as T;
}
