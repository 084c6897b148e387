/**
 * Actions that give what they do piece by piece, as generators do: they are over when the last piece was taken, when one
 * fails, or when nobody takes the rest. What stands in their end is how many pieces there were, and the first of them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import { LIMITS } from '../core/limits.ts';

type Generators = AsyncGenerator<unknown> | Generator<unknown>;

/** What is kept as the result. */
export interface Pieces {
  readonly count: number;
  readonly pieces: readonly unknown[];
  readonly returned?: unknown;
}

export type PiecesEnd =
  | { readonly kind: 'ok'; readonly result: Pieces }
  | { readonly kind: 'error'; readonly error: unknown };

/** Of a stream or another iterator nobody can tell who takes from it, and how: it is a result like any other. */
export function isInPieces(value: unknown): value is Generators {
  return types.isGeneratorObject(value);
}

export function givesPieces(call: unknown): boolean {
  return types.isGeneratorFunction(call) && types.isAsyncFunction(call);
}

/** The same generator for whoever takes from it. `inside`: where its body runs. `end` is told once. */
export function followed<T>(
  output: T,
  inside: <R>(step: () => R) => R,
  end: (how: PiecesEnd) => Promise<void>,
): T {
  const taken = counter();
  const over = (step: IteratorResult<unknown>, isGivenUp: boolean): Promise<void> =>
    end(isGivenUp ? { kind: 'error', error: givenUp() } : { kind: 'ok', result: taken.all(step.value) });

  function noted(step: IteratorResult<unknown>, isGivenUp: boolean): Promise<void> | undefined {
    if (step.done === true) return over(step, isGivenUp);
    taken.add(step.value);
    return undefined;
  }

  function step(call: () => IteratorResult<unknown>, isGivenUp = false): IteratorResult<unknown> {
    try {
      const got = inside(call);
      void noted(got, isGivenUp);
      return got;
    } catch (error) {
      void end({ kind: 'error', error });
      throw error;
    }
  }

  async function stepLater(
    call: () => Promise<IteratorResult<unknown>>,
    isGivenUp = false,
  ): Promise<IteratorResult<unknown>> {
    try {
      const got = await inside(call);
      await noted(got, isGivenUp);
      return got;
    } catch (error) {
      await end({ kind: 'error', error });
      throw error;
    }
  }

  if (Symbol.asyncIterator in (output as Generators)) {
    const from = output as AsyncGenerator<unknown>;
    return {
      next: (...sent: [] | [unknown]) => stepLater(() => from.next(...sent)),
      throw: (error: unknown) => stepLater(() => from.throw(error)),
      return: (value: unknown) => stepLater(() => from.return(value), true),
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await stepLater(() => from.return(undefined), true);
      },
    } as T;
  }
  const from = output as Generator<unknown>;
  return {
    next: (...sent: [] | [unknown]) => step(() => from.next(...sent)),
    throw: (error: unknown) => step(() => from.throw(error)),
    return: (value: unknown) => step(() => from.return(value), true),
    [Symbol.iterator]() {
      return this;
    },
    [Symbol.dispose]() {
      step(() => from.return(undefined), true);
    },
  } as T;
}

/**
 * A function that gives a generator at once, as the one it stands for does. It is decided when the first piece is asked
 * for, and `doing` lasts until the last one was taken.
 */
export async function* doneInPieces(
  doing: (fn: () => Promise<unknown>) => Promise<unknown>,
  call: () => AsyncGenerator<unknown>,
): AsyncGenerator<unknown> {
  const opened = Promise.withResolvers<AsyncGenerator<unknown>>();
  const done = Promise.withResolvers<Pieces>();
  const whole = doing(() => {
    const inside = AsyncLocalStorage.snapshot();
    opened.resolve(
      followed(call(), inside, async (how) => {
        if (how.kind === 'ok') done.resolve(how.result);
        else done.reject(how.error);
        // What failed is thrown to who takes from it; here it has been recorded when this is over.
        await whole.catch(() => undefined);
      }),
    );
    return done.promise;
  });
  whole.catch(opened.reject);
  return yield* await opened.promise;
}

function counter() {
  const first: unknown[] = [];
  let count = 0;
  return {
    add(piece: unknown) {
      if (count++ < LIMITS.sdkPieces) first.push(piece);
    },
    all: (returned: unknown): Pieces => ({
      count,
      pieces: first,
      ...(returned === undefined ? {} : { returned }),
    }),
  };
}

const givenUp = (): DOMException => new DOMException('nobody took the rest of what it gives', 'AbortError');
