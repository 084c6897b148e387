/**
 * Actions of a run that are under way or wait for a person, and what ends them from outside: a kill switch, or the end of
 * the program. The recorder may tell of a switch before the answer is here that says what the action is called.
 */
import { types } from 'node:util';
import { LIMITS } from '../core/limits.ts';
import type { Killed } from '../recorder/told.ts';
import { dataMember } from './capture.ts';
import type { ProgramEnd } from './context.ts';
import { StoppedError } from './errors.ts';

export interface Ends {
  /** The program ends, and nobody will tell how this did. */
  readonly cut?: (how: ProgramEnd) => void;
  readonly kill: (error: StoppedError) => void;
}

export interface UnderWay {
  /** From now on it is told. Returns what takes it away again. */
  add(id: string, ends: Ends): () => void;
  cut(how: ProgramEnd): void;
  kill(killed: Killed): void;
  /** A decision said so, which is how it is learned where nobody tells: what stops the next call stops the run. */
  stopped(error: StoppedError): void;
  /** Why the whole run was killed. */
  readonly killed: () => StoppedError | undefined;
}

/** Of decisions that stop every call of a run. */
const WHOLE: ReadonlySet<string> = new Set(['killed_global', 'killed_tenant', 'killed_agent']);

export function createUnderWay(controller: AbortController): UnderWay {
  const all = new Map<string, Ends>();
  /** Told before the action was known by that id. */
  const early = new Map<string, StoppedError>();
  let whole: StoppedError | undefined;

  function killWhole(error: StoppedError): void {
    whole ??= error;
    // Signals of actions follow it.
    if (!controller.signal.aborted) controller.abort(whole);
    for (const { kill } of [...all.values()]) kill(whole);
  }

  return {
    add(id, ends) {
      all.set(id, ends);
      const told = early.get(id);
      early.delete(id);
      if (told !== undefined) ends.kill(told);
      return () => {
        if (all.get(id) === ends) all.delete(id);
      };
    },
    cut(how) {
      for (const { cut } of [...all.values()]) cut?.(how);
    },
    kill(killed) {
      const about = { decisionId: killed.id, reason: killed.reason, layer: 'kill_switch' };
      if (killed.whole) return killWhole(new StoppedError('the run', killed.message, about));
      for (const id of killed.actions) {
        const error = new StoppedError('the action', killed.message, about);
        const known = all.get(id);
        if (known !== undefined) known.kill(error);
        else early.set(id, error);
        const [oldest] = early.keys();
        if (early.size > LIMITS.sdkOpenCalls && oldest !== undefined) early.delete(oldest);
      }
    },
    stopped(error) {
      if (WHOLE.has(error.reason ?? '')) killWhole(error);
    },
    killed: () => whole,
  };
}

/** The run's function, or an action's, threw because of the switch: what it threw is the switch's error, or follows from it. */
export function isFromKill(error: unknown, killed: StoppedError): boolean {
  if (error === killed) return true;
  if (typeof error !== 'object' || error === null || types.isProxy(error)) return false;
  // Another action of the run that was stopped by the switch.
  if (dataMember(error, 'layer') === 'kill_switch' && dataMember(error, 'code') === 'STOPPED') return true;
  const name = error instanceof DOMException ? error.name : dataMember(error, 'name');
  return (
    name === 'AbortError' ||
    dataMember(error, 'code') === 'ABORT_ERR' ||
    dataMember(error, 'cause') === killed
  );
}

/** As the broker ends its calls. */
export const killedOutcome = (killed: StoppedError) =>
  ({ status: 'aborted', error_kind: 'killed', error: killed.message.slice(0, 1_024) }) as const;
