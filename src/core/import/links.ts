/** Which entry began what, by the name that a file has for it. Bounded: the oldest is forgotten, and that is counted. */
import { LIMITS } from '../limits.ts';

export interface Links {
  begin(name: string, entryId: string): void;
  /** The entry that began it; each once. */
  end(name: string): string | undefined;
  /** An end whose beginning is not known. */
  missed(): void;
  readonly unpaired: () => number;
}

export function createLinks(): Links {
  const begun = new Map<string, string>();
  let missed = 0;
  return {
    begin(name, entryId) {
      begun.delete(name);
      begun.set(name, entryId);
      if (begun.size <= LIMITS.rememberedCalls) return;
      const [oldest] = begun.keys();
      if (oldest !== undefined) begun.delete(oldest);
    },
    end(name) {
      const entryId = begun.get(name);
      begun.delete(name);
      return entryId;
    },
    missed() {
      missed++;
    },
    unpaired: () => missed,
  };
}
