/**
 * A call of a tool, decided in the run of the agent that makes it. With `interrupt`, it is decided when the SDK asks
 * whether it needs an approval: what a person has to allow interrupts the run there, and what may go on waits, begun and
 * on record, for the SDK to carry it out.
 */

import { shared } from '../../sdk/context.ts';
import { ApprovalPendingError, StoppedError } from '../../sdk/errors.ts';
import type { Acting, Action, Run, Tally } from '../../sdk/types.ts';
import { cutOff, type Held, hold } from '../held.ts';
import type { Lane } from './lane.ts';
import type { Traces } from './traces.ts';

/** What became of a call when it was decided early. */
type Early =
  | { readonly kind: 'begun'; readonly held: Held<Acting>; readonly forget: () => void }
  | { readonly kind: 'stopped'; readonly error: StoppedError };

export interface Decider {
  /** True when a person has to say yes first. Undefined where no run is there to hold it: it is decided when it is made. */
  early(context: unknown, callId: string, action: Action): Promise<boolean | undefined>;
  /** Decides, unless it was decided early with these very arguments, and does it. Throws as `run.act`. */
  carryOut<T>(
    context: unknown,
    callId: string | undefined,
    action: Action,
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

  function take(context: unknown, callId: string | undefined): { print: string; early: Early } | undefined {
    if (typeof context !== 'object' || context === null || callId === undefined) return undefined;
    const found = decided.get(context)?.get(callId);
    decided.get(context)?.delete(callId);
    return found;
  }

  async function giveUp(early: Early | undefined, why: string): Promise<void> {
    if (early?.kind !== 'begun') return;
    early.forget();
    await early.held.fail(cutOff('not_carried_out', why));
  }

  async function begin(own: Run, lane: Lane | undefined, action: Action): Promise<Early> {
    try {
      const held = await hold<Acting>((during) => own.act({ ...action, approvalTimeoutMs: 0 }, during));
      const give = (): Promise<void> =>
        giveUp({ kind: 'begun', held, forget }, 'it was allowed, and the run was over before it was made');
      const forget = (): void => void lane?.leftovers.delete(give);
      lane?.leftovers.add(give);
      return { kind: 'begun', held, forget };
    } catch (error) {
      if (error instanceof StoppedError) return { kind: 'stopped', error };
      throw error;
    }
  }

  return {
    run,
    async early(context, callId, action) {
      if (typeof context !== 'object' || context === null) return undefined;
      const lane = traces.here();
      const own = await run(lane);
      if (own === undefined) return undefined;
      await giveUp(take(context, callId)?.early, 'it was asked for again');
      const print = printOf(action.args);
      try {
        const early = await begin(own, lane, action);
        const calls = decided.get(context) ?? new Map();
        decided.set(context, calls.set(callId, { print, early }));
        return false;
      } catch (error) {
        if (!(error instanceof ApprovalPendingError)) throw error;
        own.custom('approval.interruption', {
          tool: action.name,
          call_id: callId,
          asked_by: 'policy',
          ...(error.approvalId === undefined ? {} : { approval: error.approvalId }),
        });
        return true;
      }
    },
    async carryOut(context, callId, action, work) {
      const found = take(context, callId);
      if (found !== undefined && found.print === printOf(action.args)) {
        const { early } = found;
        if (early.kind === 'stopped') throw early.error;
        early.forget();
        return inside(early.held, work);
      }
      // Somebody changed them since: what is done is what is decided.
      await giveUp(found?.early, 'its arguments changed before it was made');
      const own = await run();
      if (own !== undefined) return own.act(action, work);
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

const printOf = (args: unknown): string => JSON.stringify(args) ?? 'undefined';
