/**
 * `tallystick/langchain`: records and guards chains, graphs and agents of LangChain.js (docs/frameworks.md).
 *
 *     const agent = createAgent({ model, tools, middleware: [tallyMiddleware()] });
 *     await agent.invoke(input, { callbacks: [tallyHandler()] });
 *
 * The handler records what it hears, `self_reported`, and holds every tool until it is decided; guarded tools, and those of
 * the middleware, hold themselves. What is held is `enforced`.
 */
import type { AgentMiddleware } from 'langchain';
import type { Action, Tally } from '../sdk/types.ts';
import { tally as standard } from '../sdk.ts';
import { type GuardOptions, guarded } from './langchain/guard.ts';
import { TallyHandler } from './langchain/handler.ts';
import { type MiddlewareOptions, middleware } from './langchain/middleware.ts';

export type { GuardOptions, MiddlewareOptions, TallyHandler };

export interface PluginOptions {
  /** Absent: the process's own. */
  readonly tally?: Tally;
}

export interface HandlerOptions extends PluginOptions {
  /** Whose run it is. Absent: the agent's name where it has one, else the one of `createTally`. */
  readonly agent?: string;
  /** What it is called. Absent: the name of the chain. */
  readonly workflow?: string;
  /** False: tools are watched, and not held. */
  readonly enforce?: boolean;
  readonly tier?: Action['tier'];
}

/** For `callbacks`, of an invocation or of a component. One handler serves any number of runs at once. */
export function tallyHandler({
  tally = standard,
  agent,
  workflow,
  enforce = true,
  tier,
}: HandlerOptions = {}): TallyHandler {
  return new TallyHandler({ tally, agent, workflow, enforce, tier });
}

/** For `middleware` of `createAgent`. */
export function tallyMiddleware({
  tally = standard,
  ...options
}: MiddlewareOptions & PluginOptions = {}): AgentMiddleware {
  return middleware(tally, options);
}

/** A tool, or all of a list, for graphs of one's own: `new ToolNode(guardTools(tools))`. */
export function guardTools<T extends readonly unknown[]>(
  tools: T,
  { tally = standard, ...options }: GuardOptions & PluginOptions = {},
): T {
  return tools.map((tool) => guarded(tool, tally, options)) as unknown as T;
}

export function guardTool<T>(
  tool: T,
  { tally = standard, ...options }: GuardOptions & PluginOptions = {},
): T {
  return guarded(tool, tally, options);
}
