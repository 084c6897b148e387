/**
 * The programs that the SDK starts: one for each query, and its sessions are over when it is. The hook for that
 * (SessionEnd) is called in few cases, since by then nobody listens any more. Nothing here changes how they are started.
 */
import type { ChildProcess } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { LIMITS } from '../../core/limits.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Ending {
  /** Nothing more is said to it, so it asks us nothing more either. */
  readonly silent: Promise<void>;
  readonly ended: Promise<Ended>;
}

/** What of a child, or of what somebody starts in place of one, is looked at. */
export interface Program {
  readonly exitCode: number | null;
  readonly signalCode?: string | null | undefined;
  readonly stdin?: { once(event: 'finish' | 'close', listener: () => void): unknown } | null | undefined;
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
}

export interface Programs {
  /** Started by somebody's own function, which is ours to ask for nobody else. */
  started(program: Program): void;
  /**
   * Of the program of a session that begins now: whichever runs and is no other session's. Where there are several, of all
   * of them, so never too early. Undefined where there is none to be seen.
   */
  ofSession(): Ending | undefined;
}

export function watchPrograms(): Programs {
  const seen = new Set<WeakRef<ChildProcess>>();
  const own = new Set<Program>();
  const taken = new WeakSet<Program>();

  channel('child_process').subscribe((message) => {
    const { process } = message as { readonly process?: ChildProcess };
    if (process === undefined) return;
    seen.add(new WeakRef(process));
    if (seen.size > LIMITS.hookSessions) forgetOver();
  });

  function forgetOver(): void {
    for (const ref of seen) {
      const child = ref.deref();
      if (child === undefined || isOver(child)) seen.delete(ref);
    }
  }

  return {
    started(program) {
      own.add(program);
      program.once('exit', () => own.delete(program));
    },
    ofSession() {
      const children = [...seen].flatMap((ref) => ref.deref() ?? []).filter(isOfSdk);
      const free = [...own, ...children].filter((one) => !isOver(one) && !taken.has(one));
      const [only] = free;
      if (only === undefined) return undefined;
      if (free.length === 1) taken.add(only);
      return {
        silent: Promise.all(free.map(silenceOf)).then(() => undefined),
        // Of several nobody knows which one it was.
        ended: Promise.all(free.map(endOf)).then(([first = OK, ...others]) =>
          others.length === 0 ? first : OK,
        ),
      };
    },
  };
}

const OK: Ended = { code: 0, signal: null };

const isOver = ({ exitCode, signalCode = null }: Program): boolean =>
  exitCode !== null || signalCode !== null;

/** As the SDK talks to its program. */
function isOfSdk({ spawnargs = [], pid }: ChildProcess): boolean {
  const has = (name: string): boolean => spawnargs.some((arg) => arg.startsWith(name));
  return pid !== undefined && has('--input-format') && has('--output-format');
}

function endOf(program: Program): Promise<Ended> {
  return new Promise((resolve) => {
    program.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function silenceOf({ stdin }: Program): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['finish', 'close'] as const) stdin?.once(event, () => resolve());
  });
}
