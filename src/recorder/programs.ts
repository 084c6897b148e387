/**
 * Runs whose program may go without a word: killed, or out of memory. Who holds the connection that began a run holds the
 * run. When that closes and the program does not come back within the grace time, and its process is gone too, its open
 * actions end as unknown and the run as aborted. Runs of programs whose recorder ended before (it was in the same process,
 * or another one) are looked at when this one starts.
 *
 * Only the process that began a run ends it by being gone: another one that was handed its token, or that runs inside of
 * it, comes and goes as it likes. A process id is what the program said of itself, so one of another host says nothing
 * here. An end that still comes wins (`run.end`).
 */
import type { Event } from '../core/entry.ts';
import { isTallyError } from '../core/error.ts';
import type { RunRecord } from '../core/identity/state.ts';
import { LIMITS } from '../core/limits.ts';
import { actorOf, said } from './asked.ts';
import type { Client } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

/** `error_kind` of what ended with its program. */
export const PROGRAM_GONE = 'program_gone';

export interface ProgramsOptions {
  readonly recorder: LocalRecorder;
  /** Absent: nothing is known of processes, and a connection that is gone for the grace time is enough. */
  readonly processes?: { readonly host: string; readonly isAlive: (pid: number) => boolean };
  readonly graceMs?: number | undefined;
}

export interface Programs {
  /** `client`: who asked for it, as the entry of its start says it. */
  began(runId: string, client: Client): void;
  over(runId: string): void;
  /** Any request: a program that lost its connection is there again. */
  heard(params: unknown, client: Client): void;
}

interface Held {
  client: Client;
  readonly startedMs: number;
  /** Its connection is gone since then. */
  goneMs: number | undefined;
  /** Looks that had been waited for by then: clocks may be set, and the next one after these comes a whole grace later. */
  goneBefore: number;
}

export function createPrograms({
  recorder,
  processes,
  graceMs = LIMITS.orphanGraceMs,
}: ProgramsOptions): Programs {
  const held = new Map<string, Held>();
  /** Whose process lives, and whose recorder was another one. */
  const earlier = new Set<string>();
  const followed = new WeakSet<object>();
  let away = 0;
  let looks = 0;
  let timer: NodeJS.Timeout | undefined;

  function isGone({ pid, host }: Pick<Client, 'pid' | 'host'>): boolean {
    if (processes === undefined || pid === undefined) return true;
    // One of another host cannot be asked for, and its connection is all that there is of it.
    return (host !== undefined && host !== processes.host) || !processes.isAlive(pid);
  }

  function follow(client: Client): void {
    const { onGone, tell } = client;
    if (onGone === undefined || tell === undefined || followed.has(tell)) return;
    followed.add(tell);
    onGone(() => {
      for (const one of held.values())
        if (one.client.tell === tell && one.goneMs === undefined) {
          one.goneMs = recorder.now();
          one.goneBefore = looks;
          away++;
        }
      lookLater();
    });
  }

  function lookLater(): void {
    if (timer !== undefined || (away === 0 && earlier.size === 0)) return;
    looks++;
    timer = setTimeout(() => {
      timer = undefined;
      void look().finally(lookLater);
    }, graceMs);
    timer.unref();
  }

  async function look(): Promise<void> {
    if (recorder.failure() !== undefined) return forgetAll();
    // What was begun in another run ends before that.
    for (const [runId, { client, startedMs, goneMs, goneBefore }] of [...held].reverse())
      if (goneMs !== undefined && goneBefore < looks && isGone(client))
        await end(runId, {
          actor: actorOf(client),
          quality: said(client),
          outcome: {
            status: 'aborted',
            duration_ms: Math.max(0, goneMs - startedMs),
            error: 'the program that began it was gone before it ended',
          },
          metadata: { gone_at: new Date(goneMs).toISOString() },
        });
    lookEarlier();
  }

  /** When they went nobody saw: how long they took is not known. */
  function lookEarlier(): void {
    for (const runId of [...earlier].reverse()) {
      const run = recorder.registry.current().runs.get(runId);
      if (run === undefined || run.ended_at !== undefined) earlier.delete(runId);
      else if (isGoneHere(run))
        void end(runId, {
          outcome: {
            status: 'unknown',
            error: 'the program that began it was gone before it ended, and so was what recorded it then',
          },
        });
    }
  }

  function isGoneHere({ pid, host }: RunRecord): boolean {
    return processes !== undefined && pid !== undefined && host === processes.host && !processes.isAlive(pid);
  }

  async function end(runId: string, { outcome, ...event }: Partial<Event>): Promise<void> {
    if (outcome === undefined) return;
    try {
      for (const { id } of recorder.openOf(runId))
        await recorder.abandon(id, 'the program was gone before the action ended', PROGRAM_GONE);
      if (recorder.registry.current().runs.get(runId)?.ended_at === undefined)
        await recorder.record(
          {
            ...event,
            type: 'run.end',
            phase: 'point',
            run_id: runId,
            outcome: { ...outcome, error_kind: PROGRAM_GONE },
          },
          { surface: 'sdk', assurance: 'observed' },
        );
      over(runId);
    } catch (error) {
      // It is looked at again, by this recorder or the next.
      if (!isTallyError(error)) throw error;
    }
  }

  function over(runId: string): void {
    earlier.delete(runId);
    if (held.get(runId)?.goneMs !== undefined) away--;
    held.delete(runId);
  }

  function forgetAll(): void {
    held.clear();
    earlier.clear();
    away = 0;
  }

  if (processes !== undefined)
    for (const run of recorder.registry.current().runs.values())
      if (run.by === 'sdk' && run.ended_at === undefined && run.host === processes.host)
        earlier.add(run.run_id);
  lookEarlier();
  lookLater();

  return {
    began(runId, client) {
      if (client.surface !== 'sdk' || client.onGone === undefined) return;
      held.set(runId, { client, startedMs: recorder.now(), goneMs: undefined, goneBefore: 0 });
      const [oldest] = held.keys();
      if (held.size > LIMITS.apiOpenDecisions && oldest !== undefined) over(oldest);
      follow(client);
    },
    over,
    heard(params, client) {
      if (away === 0 && earlier.size === 0) return;
      const token = (params as { readonly run_token?: unknown } | undefined)?.run_token;
      if (client.surface !== 'sdk' || typeof token !== 'string' || client.onGone === undefined) return;
      const { run_id, failure } = recorder.identify({ run_token: token });
      if (run_id === undefined || failure !== undefined) return;
      const one = held.get(run_id);
      const began = one?.client ?? recorder.registry.current().runs.get(run_id);
      // Somebody else who was handed the token does not hold the run.
      if (began === undefined || began.pid !== client.pid || began.host !== client.host) return;
      if (one?.goneMs !== undefined) away--;
      if (one === undefined && !earlier.delete(run_id)) return;
      // Of one that began before this recorder did, what counts for its time is not known here.
      held.set(run_id, {
        client,
        startedMs: one?.startedMs ?? recorder.now(),
        goneMs: undefined,
        goneBefore: 0,
      });
      follow(client);
    },
  };
}
