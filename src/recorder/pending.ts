/**
 * Actions whose pre_exec is durable and whose post_exec has not come. Every one of them ends in the log: by its
 * producer, at a clean close, or, when its recorder or client is gone, as `unknown`. Silence is not an answer.
 */
import type { Assurance, Event, Surface } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import { createSlots } from '../core/slots.ts';

export interface OpenAction {
  readonly id: string;
  readonly index: number;
  readonly type: string;
  readonly surface: Surface;
  readonly assurance: Assurance;
  /** What its post_exec repeats: run, step, action, actor. */
  readonly repeats: Pick<
    Event,
    'run_id' | 'step_id' | 'session_id' | 'project_id' | 'environment' | 'trace' | 'actor' | 'credentials'
  > & {
    readonly action?: Event['action'];
  };
}

export interface Pending {
  open(action: OpenAction): void;
  /** The pre_exec that a post_exec closes; `late` when it had already been closed as unknown. */
  find(parentId: string): { readonly action: OpenAction | undefined; readonly late: boolean };
  close(parentId: string): void;
  /** It is remembered for a while: an end may come after all. */
  closedAsUnknown(action: OpenAction): void;
  /** By rising index. */
  list(): readonly OpenAction[];
  /** Those of a run, the newest first. */
  of(runId: string): readonly OpenAction[];
}

export function createPending(): Pending {
  const actions = createSlots<OpenAction>();
  /** Numbers, so that its tables hold on to no action (core/slots.ts). */
  const places = new Map<string, number>();
  const unknown = new Map<string, OpenAction>();

  function opened(id: string): OpenAction | undefined {
    const at = places.get(id);
    return at === undefined ? undefined : actions.get(at);
  }

  function close(id: string): void {
    const at = places.get(id) ?? -1;
    const action = actions.get(at);
    if (action === undefined) return;
    places.delete(id);
    actions.take(at, action);
  }

  return {
    open(action) {
      close(action.id);
      places.set(action.id, actions.put(action));
    },
    find: (parentId) => ({
      action: opened(parentId) ?? unknown.get(parentId),
      late: unknown.has(parentId),
    }),
    close,
    closedAsUnknown(action) {
      unknown.set(action.id, action);
      close(action.id);
      const [oldest] = unknown.keys();
      if (unknown.size > LIMITS.rememberedUnknown && oldest !== undefined) unknown.delete(oldest);
    },
    list: () => actions.all().sort((a, b) => a.index - b.index),
    of: (runId) =>
      actions
        .all()
        .filter(({ repeats }) => repeats.run_id === runId)
        .sort((a, b) => b.index - a.index),
  };
}

/** The post_exec of an action whose end nobody saw. What it repeats comes from the open action itself. */
export function unknownEnd(action: OpenAction, why: string, kind?: string): Event {
  return {
    type: action.type,
    phase: 'post_exec',
    parent_id: action.id,
    outcome: { status: 'unknown', error: why, ...(kind === undefined ? {} : { error_kind: kind }) },
  };
}

/** How many came in by each surface. */
export function countBySurface(actions: readonly { readonly surface: string }[]): {
  readonly [surface: string]: number;
} {
  const counts: Record<string, number> = {};
  for (const { surface } of actions) counts[surface] = (counts[surface] ?? 0) + 1;
  return counts;
}
