/** What the command of a run looks like: an inference from its name, and never more than that. */
import { basename } from 'node:path';
import { agentOfProcess } from '../../../capture/agent/programs.ts';

/** `metadata.about` of run.start; nothing where the command is no coding agent that we know. */
export function aboutProgram(command: string, args: readonly string[]): { about?: Record<string, unknown> } {
  const agent = agentOfProcess(basename(command), [command, ...args]);
  if (agent === undefined) return {};
  return { about: { program: { agent, signals: [`command:${agent}`], quality: 'inferred' } } };
}
