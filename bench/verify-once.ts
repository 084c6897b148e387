/**
 * Verifies one log with so many workers, or in order as a log is that something is wrong with, and prints what it took
 * as JSON. In a process of its own, whose memory and processor time are those of the verification.
 *
 *     node bench/verify-once.ts DIR WORKERS|in-order
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryBlocks } from '../src/cli/log-source.ts';
import { parallelEntries } from '../src/cli/verify-parallel.ts';
import { shownLines } from '../src/cli/verify-taps.ts';
import { verifyLog } from '../src/core/tlog/verify.ts';
import { fileReader } from '../src/store/file/reader.ts';
import { ORIGIN } from './synthetic.ts';

export interface Once {
  readonly entries: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

const [directory = '', workers = '1'] = process.argv.slice(2);
const reader = fileReader(directory);
const blocks = directoryBlocks(reader, () => undefined);
const entries = parallelEntries({
  directory,
  reader,
  tile: blocks.tile,
  workers: Number(workers),
  shown: shownLines(false),
  see: () => undefined,
});
const started = performance.now();
const before = process.cpuUsage();
const vkey = readFileSync(join(directory, 'vkey'), 'utf8');
const report = await verifyLog(
  { ...blocks, origin: ORIGIN, vkeys: [], ...(workers === 'in-order' ? {} : { entries }) },
  { pinned: [vkey] },
);
const { user, system } = process.cpuUsage(before);
const statuses = [report.integrity, report.tiles, report.chain, report.signatures].map(
  ({ status }) => status,
);
if (statuses.some((status) => status !== 'pass'))
  throw new Error(`it does not verify: ${statuses.join(', ')}`);
const once: Once = {
  entries: report.entries,
  bytes: report.bytes,
  seconds: (performance.now() - started) / 1000,
  cpuSeconds: (user + system) / 1_000_000,
  rssMiB: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(once)}\n`);
