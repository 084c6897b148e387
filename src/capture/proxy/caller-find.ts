/**
 * Finds the process behind a connection from this machine, on Linux. Reads files one after the other and hashes
 * programs, so it belongs into a thread of its own (caller-worker.ts).
 *
 * What is found is `inferred`: a descriptor can be shared with a child or handed to another process.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { LIMITS } from '../../core/limits.ts';
import { inodeOf, isSocket, type Ports, readStat } from './caller-proc.ts';

export interface FoundProcess {
  readonly pid: number;
  readonly ppid: number;
  /** The program file. Absent: it is another user's. */
  readonly exe?: string;
  /** The process itself, its parent, and so on. */
  readonly line: readonly number[];
}

export interface Finder {
  readonly find: (ports: Ports) => FoundProcess | undefined;
  /** Lower-case hex of SHA-256 over the program that a process runs. Remembered for as long as the file is the same. */
  readonly hashOf: (pid: number) => string | undefined;
}

/** What cannot be read is not there for us: the process ended meanwhile, or is another user's. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function createFinder(proc = '/proc'): Finder {
  /** Those who called before: most connections are of one of them. The newest is last. */
  const known = new Set<number>();
  const hashes = new Map<string, string>();

  function holds(pid: number, inode: string): boolean {
    const directory = `${proc}/${pid}/fd`;
    // A connection that was just made has one of the highest numbers.
    const fds = (quietly(() => readdirSync(directory)) ?? []).map(Number).sort((a, b) => b - a);
    return fds
      .slice(0, LIMITS.callerDescriptors)
      .some((fd) => isSocket(quietly(() => readlinkSync(`${directory}/${fd}`)) ?? '', inode));
  }

  function owner(inode: string): number | undefined {
    for (const pid of [...known].reverse()) if (holds(pid, inode)) return pid;
    const pids = (quietly(() => readdirSync(proc)) ?? [])
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid && !known.has(pid))
      // A program that was just started is more likely the one.
      .sort((a, b) => b - a);
    return pids.slice(0, LIMITS.callerProcesses).find((pid) => holds(pid, inode));
  }

  function remember(pid: number): void {
    known.delete(pid);
    known.add(pid);
    for (const oldest of known) {
      if (known.size <= LIMITS.callersKnown) break;
      known.delete(oldest);
    }
  }

  const statOf = (pid: number) =>
    readStat(quietly(() => readFileSync(`${proc}/${pid}/stat`, 'latin1')) ?? '');

  return {
    find(ports) {
      const inode = inodeOf(quietly(() => readFileSync(`${proc}/net/tcp`, 'latin1')) ?? '', ports);
      const pid = inode === undefined ? undefined : owner(inode);
      if (pid === undefined || inode === undefined) return undefined;
      const before = statOf(pid);
      const exe = quietly(() => readlinkSync(`${proc}/${pid}/exe`));
      const line = [pid];
      for (let at = before?.ppid ?? 0; at > 0 && line.length < LIMITS.ancestors && !line.includes(at); ) {
        line.push(at);
        at = statOf(at)?.ppid ?? 0;
      }
      // Its number may have been given to another process meanwhile, and the connection with it be gone.
      if (before === undefined || statOf(pid)?.started !== before.started || !holds(pid, inode))
        return undefined;
      remember(pid);
      return { pid, ppid: before.ppid, ...(exe === undefined ? {} : { exe }), line };
    },
    hashOf: (pid) => quietly(() => hashFile(`${proc}/${pid}/exe`, hashes)),
  };
}

const CHUNK_BYTES = 1024 * 1024;

/** Of the file that the process runs, also when another one has its name by now. */
function hashFile(path: string, hashes: Map<string, string>): string | undefined {
  const file = openSync(path, 'r');
  try {
    const { dev, ino, mtimeNs, size } = fstatSync(file, { bigint: true });
    const key = `${dev}:${ino}:${mtimeNs}:${size}`;
    const before = hashes.get(key);
    if (before !== undefined || size > LIMITS.callerExeBytes) return before;
    const digest = createHash('sha256');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk))
      digest.update(chunk.subarray(0, read));
    const hash = digest.digest('hex');
    if (hashes.size >= LIMITS.callersKnown) hashes.delete(hashes.keys().next().value ?? '');
    hashes.set(key, hash);
    return hash;
  } finally {
    closeSync(file);
  }
}
