/** The machine: Node, disk, clock. */
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../../core/limits.ts';
import { formatBytes } from '../../facts.ts';
import { type Check, fail, ok, quoted, warn } from './check.ts';

const OLDEST_NODE = 24;

export function checkNode(version: string): Check {
  const major = Number(version.split('.')[0]);
  if (major >= OLDEST_NODE) return ok('node', `Node ${version}`);
  return fail('node', `Node ${version} is too old`, `install Node ${OLDEST_NODE} or newer`);
}

const FLUSHES = 15;
const ENTRY_BYTES = 1200;

/** Writes what entries look like beside the log, flushes each as the recorder does, and takes the median. */
export function checkFlush(directory: string): Check {
  const path = join(directory, `doctor-${process.pid}.tmp`);
  let handle: number;
  try {
    handle = openSync(path, 'wx', 0o600);
  } catch (error) {
    return fail(
      'disk writes',
      `nothing can be written in ${directory}: ${message(error)}`,
      `ls -ld ${quoted(directory)}; df -h ${quoted(directory)}`,
    );
  }
  const times: number[] = [];
  try {
    const bytes = Buffer.alloc(ENTRY_BYTES, 'x');
    for (let i = 0; i < FLUSHES; i++) {
      const started = performance.now();
      writeSync(handle, bytes);
      fdatasyncSync(handle);
      times.push(performance.now() - started);
    }
  } catch (error) {
    return fail(
      'disk writes',
      `a flush failed in ${directory}: ${message(error)}`,
      'look at the disk: dmesg | tail',
    );
  } finally {
    closeSync(handle);
    unlinkSync(path);
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(FLUSHES / 2)] ?? 0;
  const worst = Math.max(...times);
  const told = `a flush takes ${median.toFixed(2)} ms (worst of ${FLUSHES}: ${worst.toFixed(2)} ms)`;
  if (median <= LIMITS.slowFlushMs) return ok('disk writes', told);
  return warn(
    'disk writes',
    `${told}, and every call waits for one`,
    'put the log on a faster local disk: TALLY_HOME=DIR',
  );
}

export async function checkDisk(directory: string): Promise<Check> {
  const { bavail, bsize, blocks } = await statfs(directory);
  const free = bavail * bsize;
  const told = `${formatBytes(free)} of ${formatBytes(blocks * bsize)} free`;
  const mend = `free space on that disk, or move the log: df -h ${quoted(directory)}`;
  if (free < LIMITS.diskFailBytes) return fail('disk space', `${told}; a full disk stops every call`, mend);
  return free < LIMITS.diskWarnBytes ? warn('disk space', told, mend) : ok('disk space', told);
}

/** Nothing of ours existed before; a clock that says so was never set. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);
/** Clocks of honest machines are this close. */
const TOLERANCE_MS = 5_000;

export function checkClock(nowMs: number, newestEntryMs: number | undefined): Check {
  const now = new Date(nowMs).toISOString();
  const mend = 'set the clock and keep it set: timedatectl set-ntp true';
  if (nowMs < EARLIEST_MS) return fail('clock', `it says ${now}, which cannot be`, mend);
  if (newestEntryMs !== undefined && newestEntryMs > nowMs + TOLERANCE_MS) {
    const newest = new Date(newestEntryMs).toISOString();
    return warn('clock', `it says ${now}, and the newest entry is of ${newest}: it went back`, mend);
  }
  return ok('clock', `${now}, not before the newest entry`);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
