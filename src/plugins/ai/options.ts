/** What a program says of its calls of the AI SDK beyond what the AI SDK tells. */
import type { Action, RunOptions, Tally } from '../../sdk/types.ts';

/** A call of a tool, as the model asked for it. */
export interface AskedTool {
  readonly toolName: string;
  readonly toolCallId: string;
  /** Undefined where `telemetry.recordInputs` is false. */
  readonly input: unknown;
}

/** One call of `generateText`, `streamText`, `embed`… */
export interface AskedCall {
  /** `ai.generateText`, … */
  readonly operation: string;
  readonly functionId: string | undefined;
  /** What `telemetry.includeRuntimeContext` lets through. */
  readonly runtimeContext: unknown;
}

export interface TallyTelemetryOptions {
  /** Else the process's own. */
  readonly tally?: Tally;
  /** Of each run that is begun: its agent, session, user… */
  readonly run?: RunOptions | ((call: AskedCall) => RunOptions);
  /** Of each action: the name that the policy has for it, a target, a tier, why, whose data it is. */
  readonly action?: (tool: AskedTool) => Partial<Omit<Action, 'args' | 'kind' | 'signal' | 'usage'>>;
  /** Longest wait of a tool for a person. Absent: as long as the policy holds a caller. */
  readonly approvalTimeoutMs?: number;
}
