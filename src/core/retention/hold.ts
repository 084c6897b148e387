/** Legal holds, folded from the log: while one stands, what it covers is neither pruned nor erased. */
import type { Entry } from '../entry.ts';
import { LIMITS } from '../limits.ts';

export const HOLD_ADD = 'hold.add';
export const HOLD_RELEASE = 'hold.release';

export type HoldScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'run'; readonly run_id: string }
  /** As it stands in the files of data keys: nobody can tell from the log whose data is held. */
  | { readonly kind: 'subject'; readonly subject_hash: string };

export type Hold = HoldScope & {
  readonly hold_id: string;
  readonly since: string;
  readonly reason?: string;
  readonly by?: string;
};

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= LIMITS.idChars ? value : undefined;

function scopeOf({ scope, run_id, subject_hash }: Record<string, unknown>): HoldScope | undefined {
  const [run, subject] = [text(run_id), text(subject_hash)];
  if (scope === 'all') return { kind: 'all' };
  if (scope === 'run' && run !== undefined) return { kind: 'run', run_id: run };
  return scope === 'subject' && subject !== undefined
    ? { kind: 'subject', subject_hash: subject }
    : undefined;
}

/** Changes `holds` as the entry says. It is one of the recorder's own that was carried out; others are not handed in. */
export function applyHold(holds: Map<string, Hold>, { type, metadata = {}, ts, reason, actor }: Entry): void {
  const hold_id = text(metadata.hold_id);
  if (hold_id === undefined) return;
  if (type === HOLD_RELEASE) {
    holds.delete(hold_id);
    return;
  }
  const scope = scopeOf(metadata);
  if (scope === undefined || holds.has(hold_id)) return;
  const by = actor?.user?.id;
  holds.set(hold_id, {
    ...scope,
    hold_id,
    since: ts,
    ...(reason === undefined ? {} : { reason }),
    ...(by === undefined ? {} : { by }),
  });
}

/** "hold_… on run run_7 (case 12)" */
export function holdText(hold: Hold): string {
  const on =
    hold.kind === 'all'
      ? 'everything'
      : hold.kind === 'run'
        ? `run ${hold.run_id}`
        : 'the data of one subject';
  return `${hold.hold_id} on ${on}${hold.reason === undefined ? '' : ` (${hold.reason})`}`;
}
