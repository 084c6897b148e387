/**
 * Who is told that what was let in before might not be let in now: another policy is in force, or tokens are good no
 * longer. Calls are decided each time; this is for what stands.
 */
import type { Entry } from '../core/entry.ts';

export type Changed = 'policy' | 'tokens';

export interface Changes {
  /** Returns what takes the listener away again. */
  listen(listener: (what: Changed) => void): () => void;
  /** Another policy is in force. */
  policy(): void;
  /** Of every entry, once what it says is known to whoever asks. Tells later in the same turn of the event loop. */
  seen(entry: Pick<Entry, 'type'>): void;
}

const ENDS_TOKENS: ReadonlySet<string> = new Set(['token.revoke', 'run.end']);

export function createChanges(): Changes {
  const listeners = new Set<(what: Changed) => void>();
  let scheduled = false;
  const tell = (what: Changed): void => {
    for (const listener of [...listeners]) listener(what);
  };
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    policy: () => tell('policy'),
    seen({ type }) {
      if (!ENDS_TOKENS.has(type) || scheduled || listeners.size === 0) return;
      scheduled = true;
      // Not within the turn of the entry: whoever is told may have entries of its own to write.
      queueMicrotask(() => {
        scheduled = false;
        tell('tokens');
      });
    },
  };
}
