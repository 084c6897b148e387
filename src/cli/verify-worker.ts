/** A worker: verifies the segments that it is given, one after the other, and says what each came to. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant, TallyError } from '../core/error.ts';
import type { Segment } from '../core/ports.ts';
import { fileReader } from '../store/file/reader.ts';
import { type FromWorker, LINES_AHEAD, LINES_BYTES, type ToWorker } from './verify-protocol.ts';
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

/** Lines that were not told of yet. A block goes to the main thread as it is, without a copy. */
let block = new Uint8Array(LINES_BYTES);
let filled = 0;
/** Blocks that came back. */
const free: Uint8Array<ArrayBuffer>[] = [];

function tellLines(): void {
  if (filled === 0) return;
  unseen++;
  const lines = block.subarray(0, filled);
  port.postMessage({ kind: 'lines', lines } satisfies FromWorker, [block.buffer]);
  block = free.pop() ?? new Uint8Array(LINES_BYTES);
  filled = 0;
}

const host: StretchHost = {
  see(line) {
    if (filled + line.length + 1 > block.length) tellLines();
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
    free.push(new Uint8Array(message.memory));
    wake?.();
  }
});
