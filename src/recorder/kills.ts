/** Who is told of kill switches: those that have calls under way. */
import type { KillSwitch } from '../core/governance/kill.ts';

/** Told when a switch is on record, with its scope; answers how many calls it ended, or told to end. */
export type OnKill = (scope: string) => number;

/** Calls that a switch ended, and those whose programs were told to end them. */
export interface Reached {
  readonly aborted: number;
  readonly told: number;
}

export interface Kills {
  list(): readonly KillSwitch[];
  /**
   * Whoever has calls under way ends those that the scope concerns (`aborted`), or tells whoever has them (`told`).
   * Returns what takes the listener away again.
   */
  onSwitch(listener: OnKill, how?: keyof Reached): () => void;
  /** Tells all of them. */
  tell(scope: string): Reached;
}

export function createKills(state: () => ReadonlyMap<string, KillSwitch>): Kills {
  const listeners = new Map<OnKill, keyof Reached>();
  return {
    list: () => [...state().values()],
    onSwitch(listener, how = 'aborted') {
      listeners.set(listener, how);
      return () => listeners.delete(listener);
    },
    tell(scope) {
      const reached = { aborted: 0, told: 0 };
      for (const [listener, how] of [...listeners]) reached[how] += listener(scope);
      return reached;
    },
  };
}
