/** A segment in which no line ends, and how much memory its reader takes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { LogReader } from '../../src/core/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';

export const BLOCK_BYTES = 4 * 1024 * 1024;
const BLOCKS = 48;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** After `BLOCKS` blocks without a newline comes `after`. `most`: of all buffers that are in use while it is read. */
export function endlessLine(after = ''): { readonly reader: LogReader; readonly most: () => number } {
  let most = 0;
  const reader: LogReader = {
    ...openMemoryStore(),
    segments: async () => [{ first: 0, bytes: BLOCKS * BLOCK_BYTES + after.length, sealed: false }],
    async *read() {
      for (let i = 0; i < BLOCKS; i++) {
        collectGarbage();
        most = Math.max(most, process.memoryUsage().arrayBuffers);
        yield Buffer.alloc(BLOCK_BYTES);
      }
      if (after !== '') yield Buffer.from(after);
    },
  };
  return { reader, most: () => most };
}
