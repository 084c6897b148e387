/**
 * What the SDK does around a function, for frameworks that tell by callbacks when something begins and when it is over:
 * a run, a delegated run, an action.
 */
import { type Here, here } from '../sdk/context.ts';

/** Begun, durably, and not over yet. */
export interface Held<G> {
  /** What the function around it would have been given. */
  readonly given: G;
  /** Where its code runs: what happens in it belongs to it. */
  readonly at: Here | undefined;
  /** Resolves when its end is durable, or known to be lost. Of two ends the first counts. */
  end(result?: unknown): Promise<void>;
  /** It failed, or was aborted, by what the error says of itself. */
  fail(error: unknown): Promise<void>;
}

type Told = { readonly result: unknown } | { readonly error: unknown };

/** Rejects with what keeps it from beginning: then nothing of it may be done. */
export function hold<G>(
  begin: (during: (given: G) => Promise<unknown>) => Promise<unknown>,
): Promise<Held<G>> {
  return new Promise((resolve, reject) => {
    let tell: (told: Told) => void = () => undefined;
    const told = new Promise<Told>((settle) => {
      tell = settle;
    });
    const whole: Promise<void> = begin(async (given) => {
      resolve({
        given,
        at: here(),
        end(result) {
          tell({ result });
          return whole;
        },
        fail(error) {
          tell({ error });
          return whole;
        },
      });
      const how = await told;
      if ('error' in how) throw how.error;
      return how.result;
      // Where it began, it rejects with what its caller ended it with; where it did not, this is why.
    }).then(() => undefined, reject);
  });
}

/** Ended by nobody's will but the surroundings': recorded as aborted. `kind` tells why, for programs. */
export function cutOff(kind: string, why: string): Error {
  const error: Error & { code?: string } = new Error(why);
  error.name = 'AbortError';
  error.code = kind;
  return error;
}
