/**
 * The run that a session's calls belong to: the one that the process was started in, or one of its own. The token of a run
 * ends after a day, and servers of a desktop live for weeks: the session then goes on in a new run.
 */
import type { Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ask, OpParams } from '../../recorder/ops.ts';

export interface RunHandle {
  /** Throws what `run.start` throws: a switch that is on, a token that is not good, a recorder that is not there. */
  token(): Promise<string>;
  /** The token was refused for being over: the next one is of a new run, if this run is ours. */
  renew(): boolean;
  end(outcome: Outcome): Promise<void>;
}

/** Started by somebody else, and ended by them. */
export function givenRun(token: string): RunHandle {
  return { token: async () => token, renew: () => false, end: async () => undefined };
}

interface Started {
  readonly run_id: string;
  readonly token: string;
  readonly since: number;
}

/** `clock`: monotonic milliseconds. */
export function ownRun(ask: Ask, start: OpParams<'run.start'>, clock: () => number): RunHandle {
  let current: Promise<Started> | undefined;

  async function begin(): Promise<Started> {
    const { run_id, token } = await ask('run.start', start);
    return { run_id, token, since: clock() };
  }

  async function finish(run: Started, outcome: Outcome): Promise<void> {
    await ask('run.end', { run_id: run.run_id, run_token: run.token, outcome });
  }

  return {
    async token() {
      const before = await current;
      if (before !== undefined && clock() - before.since > LIMITS.runTokenMs - LIMITS.mcpRunMarginMs) {
        current = undefined;
        // Calls that it began may still be open; they end by its token all the same. A run whose end is not taken is
        // reported as open, and what kept it from being recorded fails the start of the next one, just below.
        await finish(before, { status: 'ok' }).catch(() => undefined);
      }
      const starting = current ?? begin();
      current = starting;
      starting.catch(() => {
        if (current === starting) current = undefined;
      });
      return (await starting).token;
    },
    renew() {
      current = undefined;
      return true;
    },
    async end(outcome) {
      const run = await current?.catch(() => undefined);
      current = undefined;
      if (run !== undefined) await finish(run, outcome);
    },
  };
}
