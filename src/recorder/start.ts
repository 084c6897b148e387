/** What a recorder says at its start, and what becomes of the actions that an earlier one left open. */
import type { Event } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { LOG_PRUNE } from '../core/retention/prune-entry.ts';
import type { Producer } from './api.ts';
import type { RecorderOptions } from './options.ts';
import { type OpenAction, type Pending, unknownEnd } from './pending.ts';
import type { Recovered } from './recover.ts';

/** In their order: each file that a torn tail was moved to, then the start itself. */
export function startEvents(
  recovered: Recovered,
  { info, about }: Pick<RecorderOptions, 'info' | 'about'>,
  { compiled, hash }: PolicyInForce,
): readonly Event[] {
  const { torn } = recovered;
  // First of all: before a signature covers the entries that they void.
  const voided = recovered.voided.map(({ id, from, to }) => ({
    type: LOG_PRUNE,
    phase: 'point' as const,
    parent_id: id,
    metadata: { from, to },
    outcome: { status: 'aborted' as const },
  }));
  const moved = (torn?.files ?? []).map(({ name, bytes, sha256 }) => ({
    type: 'log.recover',
    phase: 'point' as const,
    metadata: { torn: name, bytes, sha256, at: torn?.at },
  }));
  const opened: Event = {
    type: 'log.open',
    phase: 'point',
    metadata: {
      created: info.created,
      recovered_at: recovered.position.next,
      ...(recovered.unfinished === undefined ? {} : { rotation_not_completed: recovered.unfinished }),
      signed: recovered.signed,
      policy: { version: compiled.version, hash },
      ...(info.continues === undefined ? {} : { continues: info.continues }),
      ...about,
    },
  };
  return [...voided, ...moved, opened];
}

export interface Endings {
  /** Ends those of `orphans` that cannot come back, and the others unless they do in time. */
  orphans(orphans: readonly OpenAction[]): Promise<void>;
  /** Ends all that are open. */
  all(why: string): Promise<void>;
  /** Ends one, if it is still open. */
  one(id: string, why: string, kind?: string): Promise<void>;
  stop(): void;
}

/** Ends actions whose end nobody saw. */
export function createEndings(options: {
  readonly pending: Pending;
  readonly record: (event: Event, producer: Producer) => Promise<unknown>;
  readonly graceMs: number | undefined;
  readonly onFailure: (error: unknown) => void;
}): Endings {
  const { pending } = options;
  let graceTimer: NodeJS.Timeout | undefined;

  async function end(actions: readonly OpenAction[], why: string, kind?: string): Promise<void> {
    await Promise.all(
      actions.map(async (action) => {
        const producer = { surface: action.surface, assurance: 'observed' } as const;
        const ended = options.record(unknownEnd(action, why, kind), producer);
        pending.closedAsUnknown(action);
        await ended;
      }),
    );
  }

  return {
    async orphans(orphans) {
      // The broker lived and died with the writer: its calls cannot come back. A client of the socket may.
      const gone = orphans.filter(({ surface }) => surface === 'proxy');
      const away = orphans.filter(({ surface }) => surface !== 'proxy');
      await end(gone, 'the recorder ended before the action did');
      if (away.length === 0) return;
      graceTimer = setTimeout(() => {
        const still = new Set(pending.list().map(({ id }) => id));
        end(
          away.filter(({ id }) => still.has(id)),
          'its producer did not come back after the recorder had ended',
        ).catch(options.onFailure);
      }, options.graceMs ?? LIMITS.orphanGraceMs);
      graceTimer.unref();
    },
    all: (why) => end(pending.list(), why),
    async one(id, why, kind) {
      const { action, late } = pending.find(id);
      if (action !== undefined && !late) await end([action], why, kind);
    },
    stop: () => clearTimeout(graceTimer),
  };
}
