/**
 * The AI SDK's `toolApproval` by our policy. The call is decided when the framework asks; where it may go on, its
 * pre_exec stands, and the function is carried out in it: one decision for one call.
 */
import type { ToolApprovalStatus } from 'ai';
import { TallyError } from '../../core/error.ts';
import type { Action } from '../../sdk/types.ts';
import type { Operation } from './operation.ts';
import type { AskedTool } from './options.ts';
import { registry } from './owners.ts';
import { answersIn } from './told.ts';
import { beginToolAct, type ToolAct } from './tool-act.ts';

/** A call of the AI SDK that is recorded, as its approval function has to know it. */
export interface Known {
  readonly operation: Operation;
  /** Allowed, and not carried out yet. */
  readonly waiting: Map<string, ToolAct>;
  action(tool: AskedTool): Action;
}

/** What the framework hands to an approval function; of its type parameters nothing is needed. */
export interface AskedApproval {
  readonly toolCall: AskedTool & { readonly providerExecuted?: boolean | undefined };
  readonly tools: object | undefined;
  readonly messages: readonly object[];
  readonly toolsContext?: object;
}

/** An approval function is not told whose call it is asked about; the messages it is handed are that call's own. */
export function rememberMessages(messages: unknown, known: Known): void {
  if (typeof messages === 'object' && messages !== null) registry().messages.set(messages, known);
}

export interface ToolApprovalOptions {
  /** Longest wait for a person before the framework asks one in its own way. 0 where absent. */
  readonly approvalTimeoutMs?: number;
}

export async function decideApproval(
  asked: AskedApproval,
  { approvalTimeoutMs = 0 }: ToolApprovalOptions,
): Promise<ToolApprovalStatus> {
  const { toolCall, tools, messages } = asked;
  // It is carried out by the provider, whatever is answered here.
  if (toolCall.providerExecuted === true) return 'not-applicable';
  const known = registry().messages.get(messages) as Known | undefined;
  if (known === undefined)
    throw new TallyError('USAGE', `the call of ${toolCall.toolName} is in no recorded call of the AI SDK`, {
      hint: 'registerTelemetry(tallyTelemetry()) first; a call with telemetry off, with other integrations or with recordInputs: false is not known here',
    });
  const tool = ownOf(tools, toolCall.toolName) as ToolHere | undefined;
  // What the program itself wants to ask a person comes first; the policy decides when it is carried out.
  if (await asksItself(tool, asked)) return 'user-approval';
  const { toolCallId } = toolCall;
  const run = await known.operation.run;
  const act = beginToolAct(run, { ...known.action(toolCall), approvalTimeoutMs });
  try {
    await act.allowed;
  } catch (error) {
    return statusOf(error, isAnswered(messages, toolCallId));
  }
  if (typeof tool?.execute !== 'function') {
    // The loop ends with it, and whoever called the AI SDK does it: all that is done here is handing it over.
    await act.carryOut(async () => ({ handed_to: 'the program' }));
    return 'not-applicable';
  }
  known.waiting.get(toolCallId)?.abandon('the same call was asked for again');
  known.waiting.set(toolCallId, act);
  return 'not-applicable';
}

/** What was allowed and is not carried out by now will not be. */
export function abandonWaiting({ waiting }: Pick<Known, 'waiting'>): void {
  for (const act of waiting.values()) act.abandon('it was allowed, and the framework did not carry it out');
  waiting.clear();
}

function statusOf(error: unknown, answered: boolean): ToolApprovalStatus {
  const { code, message, hint } = error as Partial<TallyError>;
  // Once a person has answered, the framework carries out whatever is not denied.
  if (code === 'APPROVAL_PENDING' && !answered)
    return { type: 'user-approval', reason: hint === undefined ? String(message) : `${message}: ${hint}` };
  return { type: 'denied', reason: String(message ?? error) };
}

interface ToolHere {
  readonly execute?: unknown;
  readonly needsApproval?: unknown;
}

/** A model's word is no way to what objects inherit. */
function ownOf(members: object | undefined, name: string): unknown {
  return members !== undefined && Object.hasOwn(members, name)
    ? (members as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** The tool's own `needsApproval`, which an approval function takes the place of. */
async function asksItself(
  tool: ToolHere | undefined,
  { toolCall, messages, toolsContext }: AskedApproval,
): Promise<boolean> {
  const own = tool?.needsApproval;
  if (typeof own !== 'function') return own === true;
  const answer: unknown = await own.call(tool, toolCall.input, {
    toolCallId: toolCall.toolCallId,
    messages,
    context: ownOf(toolsContext, toolCall.toolName),
  });
  return answer === true;
}

function isAnswered(messages: readonly object[], toolCallId: string): boolean {
  return answersIn(messages).some((answer) => answer.toolCallId === toolCallId);
}
