/**
 * One call of the AI SDK (`generateText`, `embed`, …) on record: a run of its own; or, where it is made in a run, a part
 * of that one. An agent that is called by a tool of another one has its own run again, within the other.
 */
import { LIMITS } from '../../core/limits.ts';
import { here } from '../../sdk/context.ts';
import type { Ended, Noted, Run, RunOptions, Tally } from '../../sdk/types.ts';
import { hold } from '../held.ts';
import { abortOf, causeOf, type Said } from './told.ts';

export interface Operation {
  readonly callId: string;
  /** Rejects where no run begins: then nothing that can be held goes on. */
  readonly run: Promise<Run>;
  /** Stands in every entry of it. */
  readonly about: Said;
  /** Aborted when it fails or is aborted: what waits in it for a person waits no longer. */
  readonly signal: AbortSignal;
  /** What something in it begins with; one of the same key that is still open was given up for it. */
  begin(key: string, make: (run: Run) => Noted): Promise<void>;
  /** False where nothing of that key is open. */
  finish(key: string, ended: Ended): Promise<boolean>;
  /** While something of it is carried out here, it is not taken for dropped. */
  during<T>(work: Promise<T>): Promise<T>;
  /** The stream of its model was cancelled. It is over, unless the model is soon asked again. */
  cancelled(reason: unknown): void;
  /** The first one counts. Never rejects. */
  end(error?: unknown): Promise<void>;
}

export interface Opening {
  readonly tally: Tally;
  readonly callId: string;
  /** It has steps and tools of its own. */
  readonly isAgent: boolean;
  readonly options: RunOptions;
  readonly about: Said;
  readonly onEnd: () => void;
}

export function openOperation({ tally, callId, isAgent, options, about, onEnd }: Opening): Operation {
  const at = here();
  const isOwn = at === undefined || (isAgent && at.parentId !== at.started.id);
  const told = isOwn
    ? ownRun(tally, { ...options, metadata: { ...options.metadata, ...about } })
    : inRun(at.run, about);
  const open = new Map<string, Noted>();
  const controller = new AbortController();
  let busy = 0;
  let dropping: NodeJS.Timeout | undefined;
  let ended: Promise<void> | undefined;

  /** Ends it after this long in which nothing is told and nothing is done. */
  function endAfter(ms: number, why: string): NodeJS.Timeout {
    const timer = setTimeout(() => {
      if (busy > 0) timer.refresh();
      else void end(abortOf(undefined, why));
    }, ms);
    timer.unref();
    return timer;
  }
  const idle = isOwn ? endAfter(LIMITS.pluginIdleMs, 'nothing more was told of it') : undefined;

  async function end(error?: unknown): Promise<void> {
    ended ??= close(error === undefined ? undefined : causeOf(error));
    return ended;
  }

  async function close(error: unknown): Promise<void> {
    clearTimeout(idle);
    clearTimeout(dropping);
    if (error !== undefined) controller.abort(error);
    const run = await told.run.catch(() => undefined);
    for (const call of open.values())
      run?.modelResponse(
        call,
        error === undefined ? { status: 'unknown', error: 'nobody told how this ended' } : { error },
      );
    open.clear();
    onEnd();
    await told.end(error);
  }

  async function finish(key: string, how: Ended): Promise<boolean> {
    idle?.refresh();
    const call = open.get(key);
    if (call === undefined) return false;
    open.delete(key);
    const run = await told.run;
    run.modelResponse(call, how);
    return true;
  }

  return {
    callId,
    run: told.run,
    about,
    signal: controller.signal,
    async begin(key, make) {
      idle?.refresh();
      clearTimeout(dropping);
      const run = await told.run;
      const before = open.get(key);
      if (before !== undefined)
        run.modelResponse(before, { status: 'error', error: 'it was given up, and asked again' });
      open.set(key, make(run));
    },
    finish,
    async during(work) {
      busy++;
      try {
        return await work;
      } finally {
        busy--;
        idle?.refresh();
      }
    },
    cancelled(reason) {
      const why = abortOf(reason, 'its stream was cancelled');
      void finish('model', { error: reason instanceof Error ? reason : why });
      clearTimeout(dropping);
      dropping = endAfter(LIMITS.pluginCancelMs, why.message);
    },
    end,
  };
}

interface Told {
  readonly run: Promise<Run>;
  end(error?: unknown): Promise<void>;
}

function ownRun(tally: Tally, options: RunOptions): Told {
  const held = hold<Run>((during) => tally.run(options, during));
  const run = held.then(({ given }) => given);
  // Whoever needs the run asks for it; nobody has to.
  run.catch(() => undefined);
  return {
    run,
    async end(error) {
      const begun = await held.catch(() => undefined);
      await (error === undefined ? begun?.end() : begun?.fail(error));
    },
  };
}

/** It is a part of a run that others began and will end. */
function inRun(run: Run, about: Said): Told {
  return {
    run: Promise.resolve(run),
    async end(error) {
      if (error !== undefined) run.error(error, { metadata: about });
    },
  };
}
