/** How long something is waited for, and tried again. Nothing here holds the process longer than it says. */
import { LIMITS } from '../core/limits.ts';
import { mayPass } from './errors.ts';
import type { Shell } from './shell.ts';

export const TOO_LONG = Symbol('too long');

/** Does not hold the process: whoever waits for an answer does, by the time limit of the outage. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Again and again while the recorder is away, for `LIMITS.sdkRetryMs`; gives the error then. */
export async function retried<T>(ask: () => Promise<T>, shell: Shell): Promise<T | Error> {
  for (;;) {
    try {
      const answer = await ask();
      shell.outage.ended();
      return answer;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!mayPass(error)) return error;
      shell.outage.began(error);
      const told = await shell.outage.within(sleep(LIMITS.sdkRetryEveryMs));
      if (told !== undefined) return error;
    }
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms);
  });
}

/** As `promise`, or TOO_LONG after this long. Never rejects. */
export async function bounded<T>(
  promise: Promise<T>,
  ms: number | undefined,
): Promise<T | Error | typeof TOO_LONG> {
  const told = promise.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  if (ms === undefined) return told;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof TOO_LONG>((resolve) => {
    timer = setTimeout(() => resolve(TOO_LONG), ms);
  });
  try {
    return await Promise.race([told, late]);
  } finally {
    clearTimeout(timer);
  }
}
