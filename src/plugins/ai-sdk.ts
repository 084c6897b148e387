/**
 * `tallystick/ai-sdk`: records Vercel's AI SDK 7, and decides its tools before they run (docs/frameworks.md).
 *
 *     import { registerTelemetry } from 'ai';
 *     import { tallyTelemetry } from 'tallystick/ai-sdk';
 *     registerTelemetry(tallyTelemetry());
 */
import type { Telemetry, ToolApprovalStatus } from 'ai';
import { type AskedApproval, decideApproval, type ToolApprovalOptions } from './ai/approvals.ts';
import { recorder } from './ai/integration.ts';
import type { TallyTelemetryOptions } from './ai/options.ts';

export type { AskedApproval, ToolApprovalOptions } from './ai/approvals.ts';
export type { AskedCall, AskedTool, TallyTelemetryOptions } from './ai/options.ts';

/**
 * Register it once. Each call of the AI SDK becomes a run, or a part of the run it is made in; each tool that the program
 * carries out is decided, and its decision is durable before it begins. Loads and opens nothing before the first call.
 */
export function tallyTelemetry(options: TallyTelemetryOptions = {}): Telemetry {
  return recorder(options, 'own').telemetry;
}

/**
 * For `generateText({ toolApproval: tallyToolApproval() })`: what the policy allows is carried out, what it stops is
 * denied with its reason, and what wants a person ends the call with the framework's own request. It is a person's grant
 * in the log that lets it go on then (`tally approvals approve`); what the program says that somebody answered is
 * recorded beside it.
 */
export function tallyToolApproval(
  options: ToolApprovalOptions = {},
): (asked: AskedApproval) => Promise<ToolApprovalStatus> {
  return (asked) => decideApproval(asked, options);
}
