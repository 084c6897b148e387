/**
 * Which process calls, as far as the system tells it, for each connection once. Nobody waits for it: what is not known
 * when an entry is written is not in it, and it is never assumed.
 */
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { LIMITS } from '../../core/limits.ts';
import type { FoundProcess } from './caller-find.ts';
import type { CallerAnswer, CallerQuestion } from './caller-protocol.ts';

/** As `actor.os` of an entry has it. */
export interface CallerProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly exe?: string;
  readonly exe_hash?: string;
  /** Whether it is the run's own command or was started by it. Absent: not known. */
  readonly in_run?: boolean;
}

/** `runPid`: the process that started the run of the call. */
export type Caller = (runPid: number | undefined) => CallerProcess | undefined;

export interface Callers {
  /** Begins to look at the first call of a connection. The answer may change from "not known" to known. */
  of(socket: Pick<Socket, 'remotePort' | 'localPort' | 'once'>): Caller;
  close(): Promise<void>;
}

interface Looked {
  found?: FoundProcess | undefined;
  exe_hash?: string | undefined;
}

const UNKNOWN: Caller = () => undefined;

function shown({ found, exe_hash }: Looked, runPid: number | undefined): CallerProcess | undefined {
  if (found === undefined) return undefined;
  const { pid, ppid, exe, line } = found;
  return {
    pid,
    ppid,
    ...(exe === undefined ? {} : { exe }),
    ...(exe_hash === undefined ? {} : { exe_hash }),
    ...(runPid === undefined ? {} : { in_run: line.includes(runPid) }),
  };
}

/** Undefined where there is no /proc. The thread starts with the first question. */
export function createCallers(platform: NodeJS.Platform): Callers | undefined {
  if (platform !== 'linux') return undefined;
  let worker: Worker | undefined;
  let broken = false;
  let count = 0;
  /** By the caller's port: what is inside of a CONNECT has the port of the connection around it. */
  const connections = new Map<number, Looked>();
  const asked = new Map<number, Looked>();

  function start(): Worker {
    const started = new Worker(workerFile());
    // Neither the thread nor a question keeps the program alive.
    started.unref();
    started.on('message', ({ n, found, exe_hash, last }: CallerAnswer) => {
      const looked = asked.get(n);
      if (looked === undefined) return;
      looked.found = found;
      looked.exe_hash = exe_hash;
      if (last) asked.delete(n);
    });
    // Then nothing is known of callers, which no entry claims.
    started.on('error', () => {
      broken = true;
      asked.clear();
    });
    return started;
  }

  return {
    of(socket) {
      const { remotePort: theirs, localPort: ours } = socket;
      if (theirs === undefined || ours === undefined) return UNKNOWN;
      let looked = connections.get(theirs);
      if (looked === undefined) {
        const fresh: Looked = {};
        looked = fresh;
        connections.set(theirs, fresh);
        socket.once('close', () => {
          if (connections.get(theirs) === fresh) connections.delete(theirs);
        });
        if (!broken && asked.size < LIMITS.callerQuestions) {
          worker ??= start();
          asked.set(++count, fresh);
          worker.postMessage({ n: count, ports: { theirs, ours } } satisfies CallerQuestion);
        }
      }
      const known = looked;
      return (runPid) => shown(known, runPid);
    },
    async close() {
      broken = true;
      connections.clear();
      asked.clear();
      await worker?.terminate();
    },
  };
}

function workerFile(): URL {
  const { href } = new URL('./caller-worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}
