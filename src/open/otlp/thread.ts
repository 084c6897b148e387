/** That thread as the recorder's thread sees it: started when it is first asked, and again after it ended by itself. */
import { Worker } from 'node:worker_threads';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LogName } from '../../core/otlp/log-record.ts';
import type { Batch } from '../../sink/otlp/forward.ts';
import type { Place, Position } from '../../sink/otlp/position.ts';
import type { Answer, Asked, EncodeTask, FromThread, ToThread } from './protocol.ts';

export interface EncodeThread {
  next(log: LogName, place: Place, upTo: number): Promise<Batch>;
  place(index: number): Promise<Place>;
  is(last: NonNullable<Position['last']>): Promise<boolean>;
  close(): Promise<void>;
}

export function encodeThread(task: EncodeTask): EncodeThread {
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  let asked = 0;
  let worker: Worker | undefined;

  function started(): Worker {
    if (worker !== undefined) return worker;
    const fresh = new Worker(workerFile(), { workerData: task });
    worker = fresh;
    // It keeps no process alive that is done otherwise.
    fresh.unref();
    let why = 'the thread that encodes entries ended';
    fresh.on('message', ({ n, answer }: FromThread) => {
      waiting.get(n)?.resolve(answer);
      waiting.delete(n);
    });
    fresh.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error);
    });
    fresh.on('exit', () => {
      if (worker === fresh) worker = undefined;
      for (const { reject } of waiting.values()) reject(failure(why));
      waiting.clear();
    });
    return fresh;
  }

  async function ask(what: Asked): Promise<Answer> {
    const n = asked++;
    const to = started();
    const answer = await new Promise<Answer>((resolve, reject) => {
      waiting.set(n, { resolve, reject });
      to.postMessage({ n, asked: what } satisfies ToThread);
    });
    if ('failed' in answer) throw failure(answer.failed);
    return answer;
  }

  return {
    async next(log, place, upTo) {
      const answer = await ask({ what: 'next', log, place, upTo });
      if ('batch' in answer) return answer.batch;
      throw failure('it was asked for a batch');
    },
    async place(index) {
      const answer = await ask({ what: 'place', index });
      if ('place' in answer) return answer.place;
      throw failure('it was asked for a place');
    },
    async is(last) {
      const answer = await ask({ what: 'is', last });
      return 'is' in answer && answer.is;
    },
    async close() {
      const ending = worker?.terminate();
      const late = new Promise<void>((resolve) => {
        setTimeout(resolve, LIMITS.otlpCloseMs).unref();
      });
      await Promise.race([ending, late]);
    },
  };
}

function failure(why: string): TallyError {
  return new TallyError('INTERNAL', `entries cannot be read: ${why}`, {
    hint: 'tally verify shows what is wrong with the log; it is tried again',
  });
}

/** Beside this file, under the name that it has after a build as well. */
function workerFile(): URL {
  const { href } = new URL('./worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}
