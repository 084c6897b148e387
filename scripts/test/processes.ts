/**
 * The processes a test file leaves behind. They are found by their process group and by a mark in their environment,
 * since a daemon leaves the group of its parent. Zombies are nobody's process any more and do not count.
 */
import { readdirSync, readFileSync } from 'node:fs';

export const MARK = 'TALLY_TEST_MARK';

export interface Survivor {
  readonly pid: number;
  readonly command: string;
}

/** Undefined when the process has gone meanwhile, or is not ours to read. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // ENOENT, ESRCH or EACCES: it ended while we looked, or belongs to somebody else.
    return undefined;
  }
}

/** State and process group, or undefined for one that is no process any more. */
function look(pid: number): { readonly group: number } | undefined {
  // "pid (comm) state ppid pgrp …": comm may hold spaces and brackets, so the fields start after the last one.
  const stat = read(`/proc/${pid}/stat`);
  const [state, , group] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return state === undefined || state === 'Z' || state === 'X' ? undefined : { group: Number(group) };
}

export const isAlive = (pid: number): boolean => look(pid) !== undefined;

/** Linux only; elsewhere nothing is found, and the runner says that it did not look. */
export const canLook = process.platform === 'linux';

export function survivors(group: number, mark: string): readonly Survivor[] {
  if (!canLook) return [];
  const found: Survivor[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const seen = look(pid);
    if (seen === undefined) continue;
    const marked = read(`/proc/${pid}/environ`)?.split('\0').includes(`${MARK}=${mark}`) ?? false;
    if (!marked && seen.group !== group) continue;
    const command = read(`/proc/${pid}/cmdline`)?.split('\0').join(' ').trim() ?? '';
    found.push({ pid, command: command.slice(0, 200) });
  }
  return found;
}

/** Kills by id. One that has gone meanwhile is what was wanted. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
