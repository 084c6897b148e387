/**
 * A call of a tool, decided in the run of the agent that makes it. With `interrupt`, it is decided when the SDK asks
 * whether it needs an approval: what a person has to allow interrupts the run there, and what may go on waits, begun and
 * on record, for the SDK to carry it out.
 */

import { shared } from '../../sdk/context.ts';
import type { StoppedError } from '../../sdk/errors.ts';
import type { Acting, Action, Run, Tally } from '../../sdk/types.ts';
import { cutOff, type Held, hold } from '../held.ts';
import { isPending, isStopped } from '../held-back.ts';
import type { Lane, Leftover } from './lane.ts';
import type { Traces } from './traces.ts';

/** What became of a call when it was decided early. */
type Early =
  | { readonly kind: 'begun'; readonly held: Held<Acting>; readonly forget: () => void }
  | { readonly kind: 'stopped'; readonly error: StoppedError };

/** By what the SDK knows a call: the context of the run, and the model's name for it. */
export interface CallOf {
  readonly context: object;
  readonly id: string;
}

export interface Decider {
  /** True when a person has to say yes first. Undefined where no run is there to hold it: it is decided when it is made. */
  early(call: CallOf, action: Action): Promise<boolean | undefined>;
  /**
   * Decides, unless it was decided early with these very arguments, and does it. Throws as `run.act`. With `interrupts`,
   * nobody is waited for: the run was interrupted for that.
   */
  carryOut<T>(
    call: CallOf | undefined,
    action: Action,
    interrupts: boolean,
    work: () => Promise<T>,
  ): Promise<T>;
  /** The run that the call belongs to. */
  run(): Promise<Run | undefined>;
}

export function createDecider(tally: Tally, traces: Traces): Decider {
  const decided = new WeakMap<object, Map<string, { readonly print: string; readonly early: Early }>>();

  async function run(lane = traces.here()): Promise<Run | undefined> {
    return lane === undefined ? tally.current() : lane.run;
  }

  function take(call: CallOf | undefined): { readonly print: string; readonly early: Early } | undefined {
    if (call === undefined) return undefined;
    const found = decided.get(call.context)?.get(call.id);
    decided.get(call.context)?.delete(call.id);
    return found;
  }

  async function giveUp(early: Early | undefined, why: string): Promise<void> {
    if (early?.kind !== 'begun') return;
    early.forget();
    await early.held.fail(cutOff('not_carried_out', why));
  }

  async function begin(own: Run, lane: Lane | undefined, action: Action, print: string): Promise<Early> {
    try {
      const held = await hold<Acting>((during) => own.act({ ...action, approvalTimeoutMs: 0 }, during));
      const left: Leftover = { tool: action.name, print, giveUp: (why) => giveUp(begun, why) };
      const begun: Early = { kind: 'begun', held, forget: () => void lane?.leftovers.delete(left) };
      lane?.leftovers.add(left);
      return begun;
    } catch (error) {
      if (isStopped(error)) return { kind: 'stopped', error };
      throw error;
    }
  }

  return {
    run,
    async early(call, action) {
      const lane = traces.here();
      const own = await run(lane);
      if (own === undefined) return undefined;
      await giveUp(take(call)?.early, 'it was asked for again');
      const print = printOf(action.args);
      try {
        const early = await begin(own, lane, action, print);
        const calls = decided.get(call.context) ?? new Map();
        decided.set(call.context, calls.set(call.id, { print, early }));
        return false;
      } catch (error) {
        if (!isPending(error)) throw error;
        traces.progress('interrupted');
        own.custom('approval.interruption', {
          tool: action.name,
          tool_call_id: call.id,
          asked_by: 'policy',
          ...(error.approvalId === undefined ? {} : { approval: error.approvalId }),
        });
        return true;
      }
    },
    async carryOut(call, action, interrupts, work) {
      const found = take(call);
      if (found !== undefined && found.print === printOf(action.args)) {
        const { early } = found;
        if (early.kind === 'stopped') throw early.error;
        early.forget();
        return inside(early.held, work);
      }
      // Somebody changed them since: what is done is what is decided.
      await giveUp(found?.early, 'its arguments changed before it was made');
      const own = await run();
      if (own !== undefined) return own.act(interrupts ? { ...action, approvalTimeoutMs: 0 } : action, work);
      return tally.run({ workflow: action.name }, (alone) => alone.act(action, work));
    },
  };
}

async function inside<T>(held: Held<Acting>, work: () => Promise<T>): Promise<T> {
  try {
    const result = await (held.at === undefined ? work() : shared.storage.run(held.at, work));
    await held.end(result);
    return result;
  } catch (error) {
    await held.fail(error);
    throw error;
  }
}

/** Equal for equal arguments, as they come from the same text. */
export const printOf = (args: unknown): string => JSON.stringify(args) ?? 'undefined';
