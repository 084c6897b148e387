/** Tools whose calls are decided and recorded. What is given is not changed: a guarded tool is another one. */
import { types } from 'node:util';
import { dataMember } from './capture.ts';
import { GUARDED } from './context.ts';
import { doneInPieces, givesPieces } from './pieces.ts';
import type { Action, GuardOptions } from './types.ts';

type Callable = (...args: readonly unknown[]) => unknown;

/** Does something in the run that the code runs in, or in one of its own. */
export type Doing = <T>(action: Action, fn: () => T | PromiseLike<T>) => Promise<T>;

export function guardTool(tool: unknown, options: GuardOptions, doing: Doing): unknown {
  if (isGuarded(tool)) return tool;
  if (typeof tool === 'function')
    return guarded(tool as Callable, nameOf(tool, options) ?? 'unnamed', options, doing, (args) =>
      args.length === 0 ? [] : taken(args),
    );
  if (typeof tool !== 'object' || tool === null) return tool;
  const { execute } = tool as { readonly execute?: unknown };
  // Nothing of it is called: others carry it out, and nothing is here to be guarded.
  if (typeof execute !== 'function') return tool;
  const name = nameOf(tool, options) ?? nameOf(execute, {}) ?? 'unnamed';
  const held = guarded(execute as Callable, name, options, doing, taken, tool);
  const copy = Object.create(
    Object.getPrototypeOf(tool) as object | null,
    Object.getOwnPropertyDescriptors(tool),
  ) as object;
  Object.defineProperty(copy, 'execute', {
    value: held,
    configurable: true,
    enumerable: true,
    writable: true,
  });
  return marked(copy);
}

/** All of them, since the function may act on any: one stands for itself. */
const taken = (args: readonly unknown[]): unknown => (args.length > 1 ? [...args] : args[0]);

function guarded(
  call: Callable,
  name: string,
  { name: _name, args: pick, contextAt = Number.POSITIVE_INFINITY, ...about }: GuardOptions,
  doing: Doing,
  argsOf: (args: readonly unknown[]) => unknown,
  self?: object,
): Callable {
  if (contextAt !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(contextAt) && contextAt >= 0))
    throw new TypeError('guardTool: contextAt is the index of the first argument that is context, such as 1');
  const inPieces = givesPieces(call);
  function wrapper(this: unknown, ...args: readonly unknown[]): Promise<unknown> | AsyncGenerator<unknown> {
    const action = pick === undefined ? argsOf(args.slice(0, contextAt)) : pick(...args);
    // A method of the guarded copy is one of the tool itself: private members are found there only.
    const receiver = self === undefined ? this : self;
    const asked = { ...about, name, ...(action === undefined ? {} : { args: action }) };
    const carryOut = () => Reflect.apply(call, receiver, args);
    if (!inPieces) return doing(asked, carryOut);
    return doneInPieces((fn) => doing(asked, fn), carryOut as () => AsyncGenerator<unknown>);
  }
  Object.defineProperty(wrapper, 'name', { value: name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: call.length, configurable: true });
  return marked(wrapper);
}

function marked<T extends object>(value: T): T {
  Object.defineProperty(value, GUARDED, { value: true });
  return value;
}

function isGuarded(value: unknown): boolean {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    !types.isProxy(value) &&
    Object.getOwnPropertyDescriptor(value, GUARDED)?.value === true
  );
}

function nameOf(tool: object, { name }: GuardOptions): string | undefined {
  if (typeof name === 'string' && name !== '') return name;
  const own = dataMember(tool, 'name');
  return typeof own === 'string' && own !== '' ? own : undefined;
}
