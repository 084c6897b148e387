/** What may end an action before it is done: its run, the caller's own signal, or a kill switch. */
import type { RunBase } from './base.ts';
import { RunEndedError, type StoppedError } from './errors.ts';

export interface Cutting {
  /** Made when it is first asked for: most actions never look at it. */
  readonly signal: AbortSignal;
  kill(error: StoppedError): void;
  /** The switch that concerns this action, or all of its run. */
  readonly killed: () => StoppedError | undefined;
  /** Throws what ended it. */
  refuse(): void;
  /** As `promise`; rejects as soon as something ends it. */
  until<T>(promise: Promise<T>): Promise<T>;
}

export function cuttingOf({ controller, under }: RunBase, own: AbortSignal | undefined): Cutting {
  let switched: StoppedError | undefined;
  let killing: AbortController | undefined;
  let combined: AbortSignal | undefined;
  const killed = (): StoppedError | undefined => under.killed() ?? switched;

  function signal(): AbortSignal {
    if (combined !== undefined) return combined;
    killing = new AbortController();
    if (switched !== undefined) killing.abort(switched);
    combined = AbortSignal.any([killing.signal, controller.signal, ...(own === undefined ? [] : [own])]);
    return combined;
  }

  return {
    get signal() {
      return signal();
    },
    kill(error) {
      switched ??= error;
      killing?.abort(switched);
    },
    killed,
    refuse() {
      const error = killed();
      if (error !== undefined) throw error;
      // A stack of its own: where it was asked, and not where the run ended.
      if (controller.signal.reason instanceof RunEndedError) throw new RunEndedError();
      for (const one of [controller.signal, own])
        if (one?.aborted === true) throw one.reason ?? new DOMException('aborted', 'AbortError');
    },
    async until(promise) {
      const cut = signal();
      let stop: () => void = () => undefined;
      const aborted = new Promise<never>((_resolve, reject) => {
        stop = () => reject(cut.reason);
        if (cut.aborted) stop();
        else cut.addEventListener('abort', stop, { once: true });
      });
      try {
        return await Promise.race([promise, aborted]);
      } finally {
        cut.removeEventListener('abort', stop);
      }
    },
  };
}
