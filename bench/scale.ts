/**
 * One log of ten million entries: recording it, opening it, verifying it with one worker and with two, its memory, and
 * its bytes on disk before and after sealing. Takes about a quarter of an hour and 12 GB; `npm run bench -- scale`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileReader } from '../src/store/file/reader.ts';
import { fill, type LargeLog, largeLog } from './large.ts';
import { median, rate, table } from './stats.ts';
import { scratch } from './support.ts';
import type { Once } from './verify-once.ts';

const ENTRIES = 10_000_000;
/** Memory is looked at after this share of the entries, and at the end: it should not have grown. */
const EARLY = 0.1;
const OPENINGS = 5;
const POLL_MS = 200;

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
const grouped = (count: number): string => count.toLocaleString('en');

function ran(name: string, args: readonly string[]): string {
  const { stdout, status } = spawnSync(process.execPath, [program(name), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${name} failed`);
  return stdout;
}

const verified = (log: string, workers: number): Once =>
  JSON.parse(ran('./verify-once.ts', [log, String(workers)])) as Once;

const openedMs = (directory: string): number =>
  median(Array.from({ length: OPENINGS }, () => Number(ran('./open-once.ts', [directory]))));

/** As the file system counts them: small files cost whole blocks. */
function bytesOnDisk(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0);
}

interface Recorded {
  readonly seconds: number;
  readonly earlyRss: number;
  readonly rss: number;
}

async function record({ open }: LargeLog, entries: number): Promise<Recorded> {
  const recorder = await open((store) => ({ ...store, seal: () => Promise.reject(new Error('left plain')) }));
  const started = performance.now();
  await fill(recorder, Math.round(entries * EARLY));
  const earlyRss = process.memoryUsage().rss;
  await fill(recorder, entries);
  const seconds = (performance.now() - started) / 1000;
  const { rss } = process.memoryUsage();
  await recorder.close('recorded');
  return { seconds, earlyRss, rss };
}

/** Seconds until every segment but the open one is sealed, as a start that finds them plain does it. */
async function seal({ open, log }: LargeLog): Promise<number> {
  const recorder = await open();
  const started = performance.now();
  for (;;) {
    const segments = await fileReader(log).segments();
    const failure = recorder.sealFailure();
    if (failure !== undefined) throw failure;
    if (segments.slice(0, -1).every(({ sealed }) => sealed)) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const seconds = (performance.now() - started) / 1000;
  await recorder.close('sealed');
  return seconds;
}

export async function run(entries = ENTRIES): Promise<string> {
  const { directory, remove } = await scratch();
  try {
    const large = await largeLog(directory);
    writeFileSync(join(large.log, 'vkey'), large.vkey);
    const recorded = await record(large, entries);
    const plain = measure(directory, large.log);
    const sealing = await seal(large);
    const sealed = measure(directory, large.log);
    const row = (name: string, { bytes, tiles, openMs, one, two }: Measured): string[] => [
      name,
      `${(bytes / one.entries).toFixed(0)} (${(tiles / one.entries).toFixed(0)} of it tiles)`,
      `${openMs.toFixed(0)} ms`,
      `${rate(one.entries / one.seconds)}, ${Math.round(one.rssMiB)} MiB`,
      `${rate(two.entries / two.seconds)}, ${Math.round(two.rssMiB)} MiB`,
      `${(one.seconds / two.seconds).toFixed(2)} ×`,
    ];
    return `## scale

${grouped(plain.one.entries)} entries of ${Math.round(plain.one.bytes / plain.one.entries)} bytes, recorded with 4,096 in flight: ${rate(entries / recorded.seconds)}. Memory of the recorder: ${mib(recorded.earlyRss)} after ${grouped(Math.round(entries * EARLY))} entries, ${mib(recorded.rss)} at the end. Sealing all full segments afterwards, in the background: ${sealing.toFixed(0)} s. Goals: opening below 300 ms, two workers ≥ 1.5 ×.

${table(
  ['', 'bytes on disk an entry', 'opening', 'verify, one worker', 'two workers', 'two over one'],
  [row('plain', plain), row('sealed', sealed)],
)}`;
  } finally {
    await remove();
  }
}

interface Measured {
  readonly bytes: number;
  readonly tiles: number;
  readonly openMs: number;
  readonly one: Once;
  readonly two: Once;
}

function measure(directory: string, log: string): Measured {
  return {
    bytes: bytesOnDisk(log),
    tiles: bytesOnDisk(join(log, 'tile')),
    openMs: openedMs(directory),
    one: verified(log, 1),
    two: verified(log, 2),
  };
}
