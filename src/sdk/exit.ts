/**
 * What happens to open runs when the program ends. Handlers are there only while something is open, one set for all
 * copies of the SDK, and the program ends as it would have without them: by the same signal, with the same error.
 */
import { LIMITS } from '../core/limits.ts';
import { type Ending, type ProgramEnd, shared } from './context.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Until `forget`, `ending` is ended with the program. */
export function watchExit(ending: Ending): () => void {
  shared.endings.add(ending);
  shared.handlers ??= install();
  return () => {
    shared.endings.delete(ending);
    if (shared.endings.size > 0) return;
    shared.handlers?.();
    delete shared.handlers;
  };
}

function install(): () => void {
  let ending: Promise<void> | undefined;

  /** Once, and bounded: who sends a signal twice means it. */
  function endAll(how: ProgramEnd): Promise<void> {
    ending ??= new Promise((resolve) => {
      const late = setTimeout(resolve, LIMITS.sdkExitMs);
      const all = [...shared.endings];
      const ended = Promise.all(all.map((one) => one.end(how).catch(() => undefined)));
      const rested = ended.then(() => Promise.all(all.map((one) => one.rest?.().catch(() => undefined))));
      void rested.then(() => {
        clearTimeout(late);
        resolve();
      });
    });
    return ending;
  }

  const onSignal = Object.fromEntries(
    SIGNALS.map((signal) => [
      signal,
      () => {
        // Somebody else handles it: whether the program ends is theirs to say, and its end is told below. Ours is taken away,
        // since they may end the program only where they find themselves alone.
        if (process.listenerCount(signal) > 1) {
          process.off(signal, onSignal[signal]);
          return;
        }
        void endAll({ status: 'aborted', kind: signal }).then(() => {
          remove();
          process.kill(process.pid, signal);
        });
      },
    ]),
  ) as Record<(typeof SIGNALS)[number], () => void>;

  function onUncaught(error: unknown, origin: string): void {
    if (process.listenerCount('uncaughtException') > 1) return;
    const kind = origin === 'unhandledRejection' ? 'unhandled_rejection' : 'uncaught_exception';
    void endAll({ status: 'error', kind, error }).then(() => {
      remove();
      // As it would have ended: told on standard error, with exit code 1.
      setImmediate(() => {
        throw error;
      });
    });
  }

  function onEmpty(): void {
    if ([...shared.endings].some((one) => one.isOpen()))
      void endAll({
        status: 'aborted',
        kind: 'process_end',
        error: 'nothing was left to do, and the run had not ended',
      });
  }

  function onExit(code: number): void {
    const how: ProgramEnd = {
      status: code === 0 ? 'aborted' : 'error',
      kind: 'process_exit',
      error: `exit code ${code}`,
    };
    // Runs in others' runs first: the log is closed behind all of them.
    const all = [...shared.endings].reverse();
    for (const one of all) one.lastWords(how);
    for (const one of all) one.lastClose?.(how);
  }

  function remove(): void {
    for (const signal of SIGNALS) process.off(signal, onSignal[signal]);
    process.off('uncaughtException', onUncaught);
    process.off('beforeExit', onEmpty);
    process.off('exit', onExit);
  }

  for (const signal of SIGNALS) process.on(signal, onSignal[signal]);
  process.on('uncaughtException', onUncaught);
  process.on('beforeExit', onEmpty);
  process.on('exit', onExit);
  return remove;
}
