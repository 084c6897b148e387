/**
 * What an export writes until it is whole stands beside its place under a name of its process. One that was killed leaves
 * it there; the next export to that place takes it away.
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errno } from '../../store/file/fs.ts';

/** Numbers of processes mean nothing on another machine, and directories are shared. */
const HOST_CHARS = 8;

function hostMark(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, HOST_CHARS);
}

/** Where what becomes `path` is written by this process. */
export function besideOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${hostMark()}.${process.pid}.tmp`);
}

/** Never throws: what cannot be taken away is in nobody's way. */
export async function sweepBeside(path: string): Promise<void> {
  const directory = dirname(path);
  const start = `.${basename(path)}.${hostMark()}.`;
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const pid = name.startsWith(start)
      ? /^([1-9]\d{0,9})\.tmp$/.exec(name.slice(start.length))?.[1]
      : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one too.
    return errno(error) !== 'ESRCH';
  }
}
