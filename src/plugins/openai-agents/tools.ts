/**
 * Tools whose calls are decided and on record before they run. What is handed over is not changed, but for an agent that
 * is a tool: the SDK knows the agent in it by the tool object, and could not resume its interruptions otherwise.
 */
import { GUARDED } from '../../sdk/context.ts';
import type { Action, Tally } from '../../sdk/types.ts';
import { type HeldBack, isHeldBack, wordsOf } from '../held-back.ts';
import { type CallOf, createDecider, type Decider } from './decide.ts';
import { placeHere } from './sdk-context.ts';
import type { Traces } from './traces.ts';
import {
  argsIn,
  errorOf,
  type FunctionToolLike,
  isObject,
  type NeedsApproval,
  type ToolDetails,
  textIn,
} from './types.ts';

export interface GuardOptions {
  /**
   * `interrupt`: what the policy wants a person to allow interrupts the run, as `needsApproval` does. `hold`: the call
   * waits for as long as the policy holds a caller. Either way it is the approval of Tallystick that lets it through.
   */
  readonly approvals?: 'interrupt' | 'hold';
  readonly tier?: Action['tier'];
  /** What the model is told of a call that was stopped, or waits. Absent: why, in JSON. */
  readonly answer?: (error: HeldBack) => unknown;
}

export interface Guarding {
  readonly options: GuardOptions;
  readonly traces: Traces;
  readonly decider: Decider;
}

export function guarding(tally: Tally, traces: Traces, options: GuardOptions): Guarding {
  return { options, traces, decider: createDecider(tally, traces) };
}

/** Any tool of an agent. Those that the model's provider carries out are given back as they are. */
export function guardedTool(tool: unknown, own: Guarding): unknown {
  if (!isObject(tool) || isGuarded(tool) || isGuarded(tool.invoke)) return tool;
  if (isFunctionTool(tool)) return guardedFunction(tool, own);
  const { needsApproval, shell, editor } = tool;
  const asks =
    typeof needsApproval === 'function'
      ? {
          needsApproval: (...asked: readonly unknown[]) =>
            ownApproval(tool, needsApproval as NeedsApproval, asked, own),
        }
      : {};
  if (isObject(shell)) return changed(tool, { ...asks, shell: guardedMethods(shell, tool, ['run'], own) });
  if (isObject(editor))
    return changed(tool, {
      ...asks,
      editor: guardedMethods(editor, tool, ['createFile', 'updateFile', 'deleteFile'], own),
    });
  return tool;
}

/** By its mark, or by that of what it does: it may have been spread into another object. */
const isGuarded = (value: unknown): boolean =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  Reflect.get(value, GUARDED) === true;

function isFunctionTool(tool: object): tool is FunctionToolLike {
  const { type, invoke } = tool as Partial<FunctionToolLike>;
  return type === 'function' && typeof invoke === 'function';
}

function guardedFunction(tool: FunctionToolLike, own: Guarding): object {
  const { traces, decider, options } = own;
  traces.guardedTools.add(tool.name);
  const { invoke, needsApproval } = tool;
  const interrupts = options.approvals !== 'hold';
  const action = (args: unknown, callId: string | undefined, resumed = false): Action => ({
    name: tool.name,
    metadata: {
      ...(callId === undefined ? {} : { tool_call_id: callId }),
      ...(resumed ? { resumed: true } : {}),
    },
    ...(args === undefined ? {} : { args }),
    ...(options.tier === undefined ? {} : { tier: options.tier }),
  });

  async function invoked(
    this: unknown,
    context: unknown,
    input: string,
    details?: ToolDetails,
  ): Promise<unknown> {
    traces.claim();
    const call = callOf(context, details?.toolCall?.callId);
    if (isApproved(call, tool.name))
      (await decider.run())?.humanApproval({
        what: tool.name,
        approved: true,
        metadata: { how: 'RunState.approve', tool_call_id: call?.id },
      });
    const asked: Action = {
      ...action(argsIn(input), call?.id, details?.resumeState !== undefined),
      ...(details?.signal === undefined ? {} : { signal: details.signal }),
    };
    try {
      return await decider.carryOut(call, asked, interrupts, async () => {
        const output = await Reflect.apply(invoke, tool, [context, input, details]);
        const failed = placeHere()?.error();
        // The SDK has made words for the model out of what the function threw.
        if (failed !== undefined) throw new Told(output, errorOf(failed));
        return output;
      });
    } catch (error) {
      if (error instanceof Told) return error.output;
      if (isHeldBack(error)) return answerOf(tool, own, error, context, details);
      throw error;
    }
  }

  async function approval(context: unknown, input: unknown, callId?: string): Promise<boolean> {
    if (await ownApproval(tool, needsApproval, [context, input, callId], own)) return true;
    const call = callOf(context, callId);
    return call !== undefined && (await decider.early(call, action(input, call.id))) === true;
  }

  const members = {
    invoke: marked(invoked),
    ...(interrupts ? { needsApproval: approval } : {}),
  };
  // An agent as a tool has listeners of its own.
  return typeof (tool as { readonly on?: unknown }).on === 'function'
    ? marked(Object.assign(tool, members))
    : changed(tool, members);
}

/** What the tool itself wants a person to allow interrupts the run, and is the program's to answer. */
async function ownApproval(
  tool: object,
  needsApproval: NeedsApproval,
  asked: readonly unknown[],
  { traces, decider }: Guarding,
): Promise<boolean> {
  if ((await Reflect.apply(needsApproval, tool, asked)) !== true) return false;
  traces.progress('interrupted');
  const [, , callId] = asked;
  (await decider.run())?.custom('approval.interruption', {
    tool: textIn(tool, 'name') ?? 'unnamed',
    ...(typeof callId === 'string' ? { tool_call_id: callId } : {}),
    asked_by: 'tool',
  });
  return true;
}

/** What the tool threw, with what the SDK tells the model of it: it is recorded as failed, and answered as it was. */
class Told extends Error {
  readonly output: unknown;
  constructor(output: unknown, failed: Error) {
    super(failed.message);
    this.name = failed.name;
    this.output = output;
  }
}

/** Like any other answer of the tool: the model may find another way. */
async function answerOf(
  tool: FunctionToolLike,
  { options }: Guarding,
  error: HeldBack,
  context: unknown,
  details: ToolDetails | undefined,
): Promise<unknown> {
  if (options.answer !== undefined) return options.answer(error);
  if (tool.outputSchema === undefined) return wordsOf(error);
  // Its answers have a shape that words have not.
  if (typeof tool.errorFunction === 'function') return tool.errorFunction(context, error, details);
  throw error;
}

function callOf(context: unknown, id: string | undefined): CallOf | undefined {
  return typeof context === 'object' && context !== null && id !== undefined ? { context, id } : undefined;
}

/** A person said yes to this call through the SDK, here or in another process. */
function isApproved(call: CallOf | undefined, toolName: string): boolean {
  if (call === undefined) return false;
  const { isToolApproved } = call.context as { readonly isToolApproved?: unknown };
  return (
    typeof isToolApproved === 'function' &&
    Reflect.apply(isToolApproved, call.context, [{ toolName, callId: call.id }]) === true
  );
}

/** A shell, or an editor of files: the SDK tells the model what it throws. */
function guardedMethods(
  target: object,
  tool: Readonly<Record<string, unknown>>,
  names: readonly string[],
  own: Guarding,
): object {
  const name = textIn(tool, 'name') ?? textIn(tool, 'type') ?? 'unnamed';
  own.traces.guardedTools.add(name);
  return bound(target, names, (method, call) => (args, first) => {
    own.traces.claim();
    const action = names.length > 1 ? `${name}.${method}` : name;
    return own.decider.carryOut(undefined, { name: action, args: first }, false, async () => call(args));
  });
}

type Call = (args: readonly unknown[]) => unknown;

/** The same object, but for these methods. The others are its own: private members are found there only. */
export function bound(
  target: object,
  names: readonly string[],
  around: (method: string, call: Call) => (args: readonly unknown[], first: unknown) => unknown,
): object {
  return new Proxy(target, {
    get(of, name) {
      const found: unknown = Reflect.get(of, name, of);
      if (typeof found !== 'function') return found;
      const call: Call = (args) => Reflect.apply(found, of, args);
      if (typeof name !== 'string' || !names.includes(name))
        return (...args: readonly unknown[]) => call(args);
      const guarded = around(name, call);
      return (...args: readonly unknown[]) => guarded(args, args[0]);
    },
  });
}

/** A copy with other members; what hides in symbols comes along. */
export function changed<T extends object>(value: T, members: object): T {
  const copy = Object.create(
    Object.getPrototypeOf(value) as object | null,
    Object.getOwnPropertyDescriptors(value),
  ) as T;
  for (const [name, member] of Object.entries(members))
    Object.defineProperty(copy, name, {
      value: member,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  return marked(copy);
}

function marked<T extends object>(value: T): T {
  Object.defineProperty(value, GUARDED, { value: true, configurable: true });
  return value;
}
