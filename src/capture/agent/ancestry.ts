/**
 * Which processes started this one, as the system tells it: the parent, its parent, and so on. What is found is
 * `inferred`. A process that leaves its parent (a daemon, `setsid`) has none that tells of it, so this too is a tripwire
 * and no boundary.
 */
import { readFileSync } from 'node:fs';
import { LIMITS } from '../../core/limits.ts';
import { agentOfProcess } from './programs.ts';

export interface Process {
  readonly pid: number;
  readonly ppid: number;
  /** As the kernel has it: 15 bytes at most, and the process itself may change it. */
  readonly comm: string;
  readonly argv: readonly string[];
}

export interface Ancestry {
  /** Nearest first: names of programs, never their arguments. */
  readonly ancestors: readonly string[];
  /** The nearest one that is a coding agent. */
  readonly agent?: string;
}

/** Undefined: it is gone, it is not ours to see, or this system has no /proc. */
export type ReadProcess = (pid: number) => Process | undefined;

/** Looks at `parent` and what is above it, at most LIMITS.ancestors processes. */
export function ancestryOf(parent: number, read: ReadProcess = readProc): Ancestry {
  const ancestors: string[] = [];
  let agent: string | undefined;
  const seen = new Set<number>();
  for (let pid = parent; pid > 1 && !seen.has(pid) && seen.size < LIMITS.ancestors; ) {
    seen.add(pid);
    const process = read(pid);
    if (process === undefined) break;
    ancestors.push(nameOf(process));
    agent ??= agentOfProcess(process.comm, process.argv);
    pid = process.ppid;
  }
  return { ancestors, ...(agent === undefined ? {} : { agent }) };
}

/** Node calls its first thread so, and thereby the process: what was started has the name then. */
const THREAD = /(?:^|-)MainThread$/;

function nameOf({ comm, argv }: Process): string {
  const [started = ''] = argv;
  return cleanName(THREAD.test(comm) && started !== '' ? started.slice(started.lastIndexOf('/') + 1) : comm);
}

/** A process names itself: what would break a line, a table or a terminal is taken out. */
const cleanName = (comm: string): string => comm.replace(/[^\w.:@/+ -]/g, '_').slice(0, 64) || '_';

/** Long command lines are cut: only what comes first is looked at. */
const ARGV_BYTES = 4_096;

function readProc(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may hold some itself.
    const open = stat.indexOf('(');
    const close = stat.lastIndexOf(')');
    const ppid = Number(stat.slice(close + 2).split(' ')[1]);
    if (open === -1 || close < open || !Number.isSafeInteger(ppid)) return undefined;
    const line = readFileSync(`/proc/${pid}/cmdline`).subarray(0, ARGV_BYTES).toString('utf8');
    return {
      pid,
      ppid,
      comm: stat.slice(open + 1, close),
      argv: line.split('\0').filter((arg) => arg !== ''),
    };
  } catch {
    // It ended meanwhile, or the system has no such files: what is not known is not said.
    return undefined;
  }
}
