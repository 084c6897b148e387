/**
 * Tools that are decided and on record before they run, whatever callbacks they are invoked with. What is handed over is
 * not changed: a guarded tool is another one. What is decided on is what the function gets, as its schema made it.
 */
import { GUARDED, shared } from '../../sdk/context.ts';
import type { Acting, Action, Run, Tally } from '../../sdk/types.ts';
import { type Held, hold } from '../held.ts';
import { isHeldBack } from '../held-back.ts';
import { errorOf, inPlace, outputOf } from './handler.ts';
import { type Node, nodeOf } from './tree.ts';
import { isObject, objectIn, type ToolLike, textIn, type Words } from './types.ts';

export interface GuardOptions {
  readonly tier?: Action['tier'];
  /** Longest wait for a person. Absent: as long as the policy holds a caller. */
  readonly approvalTimeoutMs?: number;
}

/** Anything that is no tool, or is guarded already, is given back. */
export function guarded<T>(tool: T, tally: Tally, options: GuardOptions): T {
  if (!isObject(tool) || Reflect.get(tool, GUARDED) === true) return tool;
  const { _call, invoke, name } = tool as unknown as ToolLike;
  if (typeof name !== 'string') return tool;
  if (typeof _call === 'function')
    return copied(tool, {
      _call: (args: unknown, manager: unknown, config: unknown) =>
        decided(tally, actionOf(name, args, config, options), nodeOf(tally, textIn(manager, 'runId')), () =>
          Reflect.apply(_call, tool, [args, manager, config]),
        ),
    });
  // A runnable that stands for a tool.
  if (typeof invoke === 'function')
    return copied(tool, {
      invoke: (input: unknown, config: unknown) =>
        decided(tally, actionOf(name, argsIn(input), config, options), undefined, () =>
          Reflect.apply(invoke, tool, [input, config]),
        ),
    });
  return tool;
}

/** A call of a tool as a model makes it, or the arguments alone. */
const argsIn = (input: unknown): unknown =>
  isObject(input) && input.type === 'tool_call' && 'args' in input ? input.args : input;

function actionOf(name: string, args: unknown, config: unknown, options: GuardOptions): Action {
  const signal = isObject(config) ? config.signal : undefined;
  const callId = textIn(config, 'toolCallId') ?? textIn(objectIn(config, 'toolCall'), 'id');
  const { tier, approvalTimeoutMs } = options;
  return {
    name,
    ...(args === undefined ? {} : { args }),
    ...(tier === undefined ? {} : { tier }),
    ...(approvalTimeoutMs === undefined ? {} : { approvalTimeoutMs }),
    ...(signal instanceof AbortSignal ? { signal } : {}),
    ...(callId === undefined ? {} : { metadata: { tool_call_id: callId } }),
  };
}

/** In the run of the handler that hears the same call, in the one that the code runs in, or in one of its own. */
async function decided(
  tally: Tally,
  action: Action,
  node: Node | undefined,
  call: () => unknown,
): Promise<unknown> {
  if (node !== undefined) return inPlace(node, () => carriedOut(node.root.run, action, node, call));
  const current = tally.current();
  if (current !== undefined) return carriedOut(current, action, undefined, call);
  // Of a graph that was aborted or dropped: nothing begins, so there is nothing to have a run of its own.
  action.signal?.throwIfAborted();
  try {
    return await tally.run({ workflow: action.name }, (alone) => carriedOut(alone, action, undefined, call));
  } catch (error) {
    if (isHeldBack(error)) heldBackIn.delete(error);
    throw error;
  }
}

async function carriedOut(
  run: Run,
  action: Action,
  node: Node | undefined,
  call: () => unknown,
): Promise<unknown> {
  const held = await begun(run, action);
  if (node !== undefined) node.entry = held.given.id;
  try {
    const output = await inside(held, async () => call());
    if (isGenerator(output)) return streamed(held, output);
    await held.end(outputOf(output));
    return output;
  } catch (error) {
    await held.fail(errorOf(error));
    throw error;
  }
}

/** In whose run a call was stopped, or waits: what is said to it later stands there too. */
const heldBackIn = new WeakMap<object, Run>();
export const runOf = (error: object): Run | undefined => heldBackIn.get(error);

async function begun(run: Run, action: Action): Promise<Held<Acting>> {
  try {
    return await hold<Acting>((during) => run.act(action, during));
  } catch (error) {
    if (isHeldBack(error)) heldBackIn.set(error, run);
    throw error;
  }
}

const inside = <T>({ at }: Held<Acting>, fn: () => T): T =>
  at === undefined ? fn() : shared.storage.run(at, fn);

function isGenerator(value: unknown): value is AsyncGenerator<unknown> {
  return isObject(value) && typeof value.next === 'function' && Symbol.asyncIterator in value;
}

/** A tool that gives its result in pieces is over when the last one was taken. */
async function* streamed(held: Held<Acting>, output: AsyncGenerator<unknown>): AsyncGenerator<unknown> {
  try {
    for (;;) {
      const { done, value } = await inside(held, () => output.next());
      if (done === true) {
        await held.end(outputOf(value));
        return value;
      }
      yield value;
    }
  } catch (error) {
    await held.fail(errorOf(error));
    throw error;
  } finally {
    // Nobody takes the rest: of two ends the first counts.
    await held.end();
  }
}

function copied<T extends object>(tool: T, members: object): T {
  const copy = Object.create(
    Object.getPrototypeOf(tool) as object | null,
    Object.getOwnPropertyDescriptors(tool),
  ) as T;
  const { toJSON } = tool as unknown as ToolLike;
  const all: Words = {
    ...members,
    // What callbacks are handed of a tool: by it the handler knows that this one records itself.
    ...(typeof toJSON === 'function' ? { toJSON: () => marked(Reflect.apply(toJSON, tool, [])) } : {}),
  };
  for (const [name, value] of Object.entries(all))
    Object.defineProperty(copy, name, { value, configurable: true, enumerable: false, writable: true });
  return marked(copy);
}

function marked<T>(value: T): T {
  if (typeof value === 'object' && value !== null)
    Object.defineProperty(value, GUARDED, { value: true, configurable: true });
  return value;
}
