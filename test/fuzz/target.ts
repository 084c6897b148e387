/** What the fuzzer is pointed at: a decoder or a checker of proofs, inputs for it, and what must hold for each. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ErrorCode, isTallyError } from '../../src/core/error.ts';

export interface Target {
  readonly name: string;
  /** Runs the property; a failure comes back in the details, with the input and the seed. */
  check(options: { readonly runs: number; readonly seed: number }): Promise<fc.RunDetails<[unknown]>>;
  /** The most expensive case so far, in milliseconds of processor time. */
  slowestMs(): number;
}

/** Far above any honest case of any target. Processor time: a busy machine makes no case expensive. */
const CASE_MS = 2_000;

/** `hold` throws when the promise is broken, and returns when it is kept. */
export function target<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  hold: (input: T) => void | Promise<void>,
): Target {
  let slowest = 0;
  return {
    name,
    slowestMs: () => slowest,
    async check({ runs, seed }) {
      const timed = (input: T): void | Promise<void> => {
        const started = process.cpuUsage();
        const done = hold(input);
        const late = (): void => {
          const { user, system } = process.cpuUsage(started);
          const took = (user + system) / 1000;
          slowest = Math.max(slowest, took);
          assert.ok(took < CASE_MS, `one case took ${Math.round(took)} ms`);
        };
        return done === undefined ? late() : done.then(late);
      };
      const options = { numRuns: runs, seed, endOnFailure: false } as const;
      // An awaited case costs more than most decoders: only those that need it are.
      const details = isAsync(hold)
        ? await fc.check(
            fc.asyncProperty(inputs, async (input) => timed(input)),
            options,
          )
        : fc.check(
            fc.property(inputs, (input) => void timed(input)),
            options,
          );
      return details as fc.RunDetails<[unknown]>;
    },
  };
}

function isAsync(hold: object): boolean {
  return hold.constructor.name === 'AsyncFunction';
}

/** What `decode` gives, or undefined when it refuses with one of the codes that it promises. Anything else is a bug. */
export function accepted<T>(codes: readonly ErrorCode[], decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isTallyError(error) && codes.includes(error.code)) return undefined;
    throw error;
  }
}

export function same(a: Uint8Array, b: Uint8Array, what: string): void {
  assert.ok(Buffer.compare(a, b) === 0, what);
}
