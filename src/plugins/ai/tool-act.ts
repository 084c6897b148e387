/**
 * A tool's call as an action that is held. It is decided when it is begun; what is to be done is handed over then, or
 * later, when an approval function was asked first; and what came of it is told after the function has returned, since
 * the framework's wrapper gives it to nobody.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { LIMITS } from '../../core/limits.ts';
import { shared } from '../../sdk/context.ts';
import type { Action, Run } from '../../sdk/types.ts';

export interface ToolAct {
  /** Resolves when it may be done and that is durable. Rejects with what stops it. */
  readonly allowed: Promise<void>;
  /** Does it, once, and gives what it gives: as soon as that is there, and before its end is on record. */
  carryOut<T>(execute: () => PromiseLike<T>): Promise<T>;
  /** Nobody will carry it out. */
  abandon(why: string): void;
  /**
   * What came of it, where `execute` did not give it. Resolves when its end is durable, or known to be lost; at once where
   * it is still carried out, which whoever was asked to wait for it may have given up. Never rejects.
   */
  gave(output: unknown): Promise<void>;
}

interface Later<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function later<T>(): Later<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Whoever waits for it hears of it; nobody has to.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

export function beginToolAct(run: Run, action: Action): ToolAct {
  const allowed = later<void>();
  const work = later<() => PromiseLike<unknown>>();
  const done = later<unknown>();
  const output = later<unknown>();
  let isOver = false;

  const whole = run.act(action, async () => {
    allowed.resolve();
    const value = await (await work.promise)();
    isOver = true;
    done.resolve(value);
    return value === undefined ? await within(output.promise, LIMITS.pluginResultMs) : value;
  });
  const ended = whole.then(
    () => undefined,
    (error: unknown) => {
      isOver = true;
      allowed.reject(error);
      done.reject(error);
    },
  );

  return {
    allowed: allowed.promise,
    carryOut<T>(execute: () => PromiseLike<T>): Promise<T> {
      // In the surroundings of who carries it out, and in the action: what it does belongs to it.
      const inCaller = AsyncLocalStorage.snapshot();
      work.resolve(() => {
        const at = shared.storage.getStore();
        return inCaller(() => (at === undefined ? execute() : shared.storage.run(at, execute)));
      });
      return done.promise as Promise<T>;
    },
    abandon: (why) => work.reject(new DOMException(why, 'AbortError')),
    async gave(value) {
      output.resolve(value);
      if (isOver) await ended;
    },
  };
}

/** Undefined after this long. */
async function within(promise: Promise<unknown>, ms: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
