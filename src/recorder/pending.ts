/**
 * Actions whose pre_exec is durable and whose post_exec has not come. Every one of them ends in the log: by its
 * producer, at a clean close, or, when its recorder or client is gone, as `unknown`. Silence is not an answer.
 */
import type { Assurance, Event, Surface } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';

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
  list(): readonly OpenAction[];
}

export function createPending(): Pending {
  const open = new Map<string, OpenAction>();
  const unknown = new Map<string, OpenAction>();
  return {
    open(action) {
      open.set(action.id, action);
    },
    find: (parentId) => ({
      action: open.get(parentId) ?? unknown.get(parentId),
      late: unknown.has(parentId),
    }),
    close(parentId) {
      open.delete(parentId);
    },
    closedAsUnknown(action) {
      unknown.set(action.id, action);
      open.delete(action.id);
      const [oldest] = unknown.keys();
      if (unknown.size > LIMITS.rememberedUnknown && oldest !== undefined) unknown.delete(oldest);
    },
    list: () => [...open.values()],
  };
}

/** The post_exec of an action whose end nobody saw. What it repeats comes from the open action itself. */
export function unknownEnd(action: OpenAction, why: string): Event {
  return {
    type: action.type,
    phase: 'post_exec',
    parent_id: action.id,
    outcome: { status: 'unknown', error: why },
  };
}
