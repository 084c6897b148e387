/** Which segments a prune would remove, and what stands against it. Pure: whoever asks has looked at the files. */
import { type Hold, holdText } from './hold.ts';

/** What is to be kept. Nothing set: nothing is removed. */
export interface EntryRule {
  /** Entries older than so many days go. */
  readonly days?: number | undefined;
  /** So many bytes of entries and payloads are kept, the newest. */
  readonly bytes?: number | undefined;
  /** The floor: younger entries stay, whatever else is asked. */
  readonly at_least_days?: number | undefined;
}

export interface PlannedSegment {
  readonly first: number;
  /** Of its lines, uncompressed. */
  readonly bytes: number;
  readonly packBytes: number;
}

export interface PlanInput {
  /** All of them, in their order. */
  readonly segments: readonly PlannedSegment[];
  /** Time (ms) of the first entry of the segment at that place of the list; asked for from the front, as far as is needed. */
  readonly begunAt: (place: number) => Promise<number>;
  /** Entries under the newest checkpoint. */
  readonly signed: number;
  /** Entries that every configured anchor has seen; absent when that is not asked for. */
  readonly anchored?: number | undefined;
  readonly nowMs: number;
  readonly rule: EntryRule;
  readonly holds: readonly Hold[];
  /** Indexes of actions that are open. */
  readonly open: readonly number[];
}

export interface Blocker {
  readonly kind: 'hold' | 'open_action' | 'not_anchored' | 'floor' | 'torn';
  readonly what: string;
  readonly hold_id?: string;
}

export interface PrunePlan {
  /** Entries `from` to `to - 1`; none when they are equal. */
  readonly from: number;
  readonly to: number;
  readonly segments: number;
  readonly bytes: number;
  readonly pack_bytes: number;
  /** Time of the first entry that would go, and of the first that would stay. */
  readonly oldest?: string;
  readonly kept_from?: string;
  /** Why less goes than the rule says. */
  readonly blocked: readonly Blocker[];
}

const DAY_MS = 86_400_000;

/** Never the segment of the last signed entry, which the next start reads, nor anything behind it. */
export async function planPrune(input: PlanInput): Promise<PrunePlan> {
  const { segments, begunAt, rule, nowMs } = input;
  const first = segments[0]?.first ?? 0;
  const last = segments.findLastIndex((segment) => segment.first < input.signed);
  const blocked: Blocker[] = [];
  const all = input.holds.find(({ kind }) => kind === 'all');
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes + segment.packBytes, 0);
  let place = 0;
  for (; place < last; place++) {
    const segment = segments[place];
    const next = segments[place + 1];
    if (segment === undefined || next === undefined) break;
    // All of its entries were recorded before the next one began.
    const ageMs = nowMs - (await begunAt(place + 1));
    const tooOld = rule.days !== undefined && ageMs > rule.days * DAY_MS;
    const tooMuch = rule.bytes !== undefined && bytes > rule.bytes;
    if (!tooOld && !tooMuch) break;
    const stop = blockerOf(input, next.first, ageMs) ?? (all === undefined ? undefined : heldBy(all));
    if (stop !== undefined) {
      blocked.push(stop);
      break;
    }
    bytes -= segment.bytes + segment.packBytes;
  }
  const going = segments.slice(0, place);
  return {
    from: first,
    to: segments[place]?.first ?? first,
    segments: going.length,
    bytes: going.reduce((sum, segment) => sum + segment.bytes, 0),
    pack_bytes: going.reduce((sum, segment) => sum + segment.packBytes, 0),
    ...told('oldest', segments.length === 0 ? undefined : await begunAt(0)),
    ...told('kept_from', segments.length === 0 ? undefined : await begunAt(place)),
    blocked,
  };
}

function blockerOf({ rule, anchored, open }: PlanInput, to: number, ageMs: number): Blocker | undefined {
  if (rule.at_least_days !== undefined && ageMs <= rule.at_least_days * DAY_MS)
    return { kind: 'floor', what: `entries of the last ${rule.at_least_days} days stay (at_least_days)` };
  if (anchored !== undefined && to > anchored)
    return {
      kind: 'not_anchored',
      what: `anchors have seen ${anchored} entries so far (retention.anchored)`,
    };
  const action = open.find((index) => index < to);
  return action === undefined
    ? undefined
    : { kind: 'open_action', what: `the action that entry ${action} began has not ended` };
}

export function heldBy(hold: Hold): Blocker {
  return { kind: 'hold', what: holdText(hold), hold_id: hold.hold_id };
}

/** A plan that ends earlier, before the segment at `place` of the list, which begins at `keptFromMs`. */
export function cutPlan(
  plan: PrunePlan,
  segments: readonly PlannedSegment[],
  place: number,
  keptFromMs: number,
  blocker: Blocker,
): PrunePlan {
  const going = segments.slice(0, place);
  return {
    ...plan,
    to: segments[place]?.first ?? plan.from,
    segments: going.length,
    bytes: going.reduce((sum, segment) => sum + segment.bytes, 0),
    pack_bytes: going.reduce((sum, segment) => sum + segment.packBytes, 0),
    ...told('kept_from', keptFromMs),
    blocked: [...plan.blocked, blocker],
  };
}

function told<K extends string>(key: K, ms: number | undefined): { readonly [P in K]?: string } {
  if (ms === undefined || !Number.isFinite(ms)) return {};
  return { [key]: new Date(ms).toISOString() } as { readonly [P in K]?: string };
}
