/** What a prune would remove now, and what stands against it. Reads only: whoever looks without a lock asks the same. */
import { parseDataKey } from '../core/payload/data-key.ts';
import type { DataKeyStore, LogReader, PackReader } from '../core/ports.ts';
import type { Hold } from '../core/retention/hold.ts';
import { cutPlan, type EntryRule, heldBy, type PrunePlan, planPrune } from '../core/retention/plan.ts';
import { firstHeld } from './prune-collect.ts';
import { plannedSegments, segmentTime } from './prune-segments.ts';

export interface PruneRequest {
  readonly rule: EntryRule;
  /** Entries that anchors have seen; more is not removed. */
  readonly anchored?: number | undefined;
}

export interface PruneGround {
  readonly log: LogReader;
  readonly packs: PackReader | undefined;
  readonly keys: Pick<DataKeyStore, 'list' | 'get'> | undefined;
  readonly holds: readonly Hold[];
  /** Indexes of actions that are open. */
  readonly open: readonly number[];
  readonly signed: () => Promise<number>;
  readonly nowMs: number;
}

/** Cost: one look into each segment that is due, and one reading of all that is due where a run or a subject is held. */
export async function planOf({ rule, anchored }: PruneRequest, ground: PruneGround): Promise<PrunePlan> {
  const { log, holds } = ground;
  const segments = await plannedSegments(log, ground.packs);
  const begunAt = (place: number): Promise<number> => segmentTime(log, segments[place]?.first ?? 0);
  const signed = await ground.signed();
  const planned = await planPrune({ ...ground, segments, begunAt, signed, anchored, rule });
  const runs = new Map(holds.flatMap((hold) => (hold.kind === 'run' ? [[hold.run_id, hold]] : [])));
  const keys = await heldKeys(ground);
  const held = { runs: new Set(runs.keys()), keys: new Set(keys.keys()) };
  const found = await firstHeld(log, planned.from, planned.to, held);
  const hold = runs.get(found?.run ?? '') ?? keys.get(found?.key ?? '');
  if (found === undefined || hold === undefined) return planned;
  const place = segments.findLastIndex(({ first }) => first <= found.index);
  return cutPlan(planned, segments, place, await begunAt(place), heldBy(hold));
}

/** Data keys whose subject is held: which entries are of a subject is told by their keys alone. */
async function heldKeys({ holds, keys }: PruneGround): Promise<ReadonlyMap<string, Hold>> {
  const subjects = new Map(
    holds.flatMap((hold) => (hold.kind === 'subject' ? [[hold.subject_hash, hold]] : [])),
  );
  const held = new Map<string, Hold>();
  if (subjects.size === 0 || keys === undefined) return held;
  for (const keyId of await keys.list()) {
    const bytes = await keys.get(keyId);
    const subject = bytes === undefined ? undefined : parseDataKey(bytes)?.subject_hash;
    const hold = subject === undefined ? undefined : subjects.get(subject);
    if (hold !== undefined) held.set(keyId, hold);
  }
  return held;
}
