/** Who is told of kill switches: those that have calls under way. */
import type { KillSwitch } from '../core/governance/kill.ts';

/** Told when a switch is on record, with its scope; answers how many calls it ended. */
export type OnKill = (scope: string) => number;

export interface Kills {
  list(): readonly KillSwitch[];
  /** Whoever has calls under way ends those that the scope concerns. Returns what takes the listener away again. */
  onSwitch(listener: OnKill): () => void;
  /** Tells all of them. */
  tell(scope: string): number;
}

export function createKills(state: () => ReadonlyMap<string, KillSwitch>): Kills {
  const listeners = new Set<OnKill>();
  return {
    list: () => [...state().values()],
    onSwitch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell: (scope) => [...listeners].reduce((ended, listener) => ended + listener(scope), 0),
  };
}
