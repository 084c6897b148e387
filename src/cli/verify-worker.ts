/** A worker: verifies the segments that it is given, one after the other, and says what each came to. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant, TallyError } from '../core/error.ts';
import type { Segment } from '../core/ports.ts';
import { fileReader } from '../store/file/reader.ts';
import { type FromWorker, LINES_AHEAD, type ToWorker } from './verify-protocol.ts';
import { createSegmentVerifier, type StretchHost, type StretchTask } from './verify-stretches.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;
const task: StretchTask = workerData;
const verify = createSegmentVerifier(task, fileReader(task.directory));

const NEWLINE = 0x0a;

const tell = (message: FromWorker): void => port.postMessage(message);

/** Blocks of lines that nobody has looked at yet. */
let unseen = 0;
let wake: (() => void) | undefined;

/** Lines that were not told of yet, in a block that grows to what one pause gathers. */
let block = new Uint8Array(1024 * 1024);
let filled = 0;

function tellLines(): void {
  if (filled === 0) return;
  unseen++;
  tell({ kind: 'lines', lines: block.slice(0, filled) });
  filled = 0;
}

const host: StretchHost = {
  see(line) {
    const needed = filled + line.length + 1;
    if (needed > block.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(block.subarray(0, filled));
      block = larger;
    }
    block.set(line, filled);
    filled += line.length;
    block[filled++] = NEWLINE;
  },
  async pause(bytes) {
    tell({ kind: 'read', bytes });
    tellLines();
    while (unseen >= LINES_AHEAD)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  },
};

async function answer(segment: Segment): Promise<void> {
  try {
    const stretch = await verify?.(segment, host);
    tellLines();
    tell({ kind: 'stretch', stretch });
  } catch (error) {
    const known = error instanceof TallyError ? error : undefined;
    tell({
      kind: 'failed',
      code: known?.code ?? 'INTERNAL',
      message: error instanceof Error ? error.message : String(error),
      hint: known?.hint ?? 'verify again with --workers 1, which tells more about it',
    });
  }
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'segment') void answer(message.segment);
  else {
    unseen--;
    wake?.();
  }
});
