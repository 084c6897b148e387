/**
 * Decisions that let something go on whose outcome has not been told. Programs that never tell any must not fill our
 * memory: the oldest are closed as unknown, which is an honest answer.
 */
import { LIMITS } from '../../core/limits.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';

export interface OpenDecisions {
  /** Rejects when the log cannot be written. */
  opened(id: string): Promise<void>;
  ended(id: string): void;
}

const WHY = 'nobody told how it ended';

export function createOpenDecisions(recorder: Pick<LocalRecorder, 'abandon' | 'now'>): OpenDecisions {
  /** When it was decided, the oldest first. */
  const open = new Map<string, number>();
  return {
    async opened(id) {
      const now = recorder.now();
      open.set(id, now);
      for (const [oldest, since] of open) {
        if (open.size <= LIMITS.apiOpenDecisions && now - since < LIMITS.apiOutcomeMs) break;
        open.delete(oldest);
        await recorder.abandon(oldest, WHY);
      }
    },
    ended: (id) => void open.delete(id),
  };
}
