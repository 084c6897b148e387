/** How much of what waits for the recorder is held in memory, over all runs of one `Tally`; and waiting for room in it. */
import { LIMITS } from '../core/limits.ts';

export interface Room {
  /** Why nothing more is taken; undefined while there is room. */
  full(): string | undefined;
  take(bytes: number): void;
  give(bytes: number): void;
  /** Resolves at once while less than half is taken, and otherwise when it is so again. */
  free(): Promise<void>;
}

const NOW = Promise.resolve();

export function createRoom(): Room {
  let events = 0;
  let bytes = 0;
  let waiting: { readonly free: Promise<void>; readonly tell: () => void } | undefined;

  const isHalfFree = (): boolean => events < LIMITS.sdkBufferEvents / 2 && bytes < LIMITS.sdkBufferBytes / 2;

  function wait(): NonNullable<typeof waiting> {
    let tell: () => void = () => undefined;
    const free = new Promise<void>((resolve) => {
      tell = resolve;
    });
    return { free, tell };
  }

  return {
    // Asked before an event is made: the last one that is taken may reach beyond the bytes, by its own at most.
    full: () =>
      events >= LIMITS.sdkBufferEvents || bytes >= LIMITS.sdkBufferBytes ? 'the buffer was full' : undefined,
    take(size) {
      events++;
      bytes += size;
    },
    give(size) {
      events--;
      bytes -= size;
      if (waiting === undefined || !isHalfFree()) return;
      waiting.tell();
      waiting = undefined;
    },
    free() {
      if (isHalfFree()) return NOW;
      waiting ??= wait();
      return waiting.free;
    },
  };
}
