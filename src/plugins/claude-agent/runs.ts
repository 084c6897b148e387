/** Runs that last from one callback to another: until the program says that its session, or its subagent, is over. */
import { baseOf, type RunBase } from '../../sdk/base.ts';
import type { Run } from '../../sdk/types.ts';
import { hold } from '../held.ts';

export interface OpenRun {
  readonly run: Run;
  readonly base: RunBase;
  /** Its end is in the log, or known to be lost, when it resolves. With an error it ends with that. */
  close(error?: unknown): Promise<void>;
}

/** Rejects with what keeps the run from beginning. */
export async function openRun(
  start: (during: (run: Run) => Promise<unknown>) => Promise<unknown>,
): Promise<OpenRun> {
  const { given: run, end, fail } = await hold(start);
  return { run, base: baseOf(run), close: (error) => (error === undefined ? end() : fail(error)) };
}
