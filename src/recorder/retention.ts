/** Requests about what is kept: prune and erase, and the holds that stand against both. */
import { encodeHex } from '../core/bytes.ts';
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/ports.ts';
import { HOLD_ADD, HOLD_RELEASE } from '../core/retention/hold.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Client, Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import type { RETENTION_OPS, RetentionDone, RetentionPlan, RetentionState } from './retention-ops.ts';

/** The recorder is handed what knows the configuration. */
export interface RetentionPort {
  plan(): Promise<RetentionPlan>;
  state(): RetentionState;
  /** Waits for `waitMs` at most. */
  apply(event: Event, waitMs: number): Promise<RetentionDone>;
}

type Op = keyof typeof RETENTION_OPS;

export function retentionHandlers(
  recorder: LocalRecorder,
  random: Random,
  retention: RetentionPort | undefined,
): Pick<Handlers, Op> {
  function port(): RetentionPort {
    if (retention !== undefined) return retention;
    throw new TallyError('BAD_CONFIG', 'this recorder was opened without a configuration of what is kept', {
      hint: 'see `retention` in config.yaml: docs/retention.md',
    });
  }

  function asked(
    type: string,
    client: Client,
    metadata: Record<string, unknown>,
    why: string | undefined,
  ): Event {
    const event = operatorEvent(type, client, metadata);
    return why === undefined ? event : { ...event, reason: why };
  }

  return {
    'retain.plan': () => port().plan(),
    'retain.apply': ({ reason: why }, client) =>
      port().apply(asked('log.prune', client, { through: client.surface }, why), LIMITS.retainAnswerMs),
    async 'log.erase'({ reason: why, ...what }, client) {
      const { subject, ...rest } = what;
      const metadata = {
        through: client.surface,
        ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
        // Whose data it was is what nobody is to read here for ever.
        ...(subject === undefined ? {} : { subject_hash: recorder.eraser.subjectHash(subject) }),
      };
      const erased = await recorder.eraser.erase(what, asked('log.erase', client, metadata, why));
      return {
        keys: erased.keys,
        held: [],
        entries: erased.receipts.map(({ index }) => index),
      };
    },
    async 'hold.add'({ run_id, subject, all, reason: why }, client) {
      const scopes = [run_id, subject, all].filter((one) => one !== undefined);
      if (scopes.length !== 1)
        throw new TallyError('USAGE', 'a hold is on one run, on one subject, or on all', {
          hint: 'tally hold add --run ID --reason "…"',
        });
      const hold_id = `hold_${encodeHex(random(8))}`;
      const scope =
        run_id !== undefined
          ? { scope: 'run', run_id }
          : subject !== undefined
            ? { scope: 'subject', subject_hash: recorder.eraser.subjectHash(subject) }
            : { scope: 'all' };
      const event = asked(HOLD_ADD, client, { hold_id, ...scope }, why);
      const { id: entry } = await recorder.record(event, doneFor(client));
      const removing = recorder.pruner.removing();
      return { hold_id, id: entry, ...(removing === undefined ? {} : { pruning_below: removing.to }) };
    },
    async 'hold.release'({ hold_id, reason: why }, client) {
      if (!recorder.registry.current().holds.has(hold_id))
        throw new TallyError('NOT_FOUND', `no hold ${hold_id} stands`, { hint: 'tally hold list' });
      const { id: entry } = await recorder.record(
        asked(HOLD_RELEASE, client, { hold_id }, why),
        doneFor(client),
      );
      return { hold_id, id: entry };
    },
    async 'hold.list'() {
      return { holds: [...recorder.registry.current().holds.values()] };
    },
  };
}
