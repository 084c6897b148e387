/**
 * One `Runner.run`, or a trace whose runs tell of none. The first of its agents acts in the run that the task is in; whoever
 * takes over from another has a run below that one's, with a token that has no more.
 */
import type { Run } from '../../sdk/types.ts';
import { type Held, hold } from '../held.ts';
import { type Lane, laneOf } from './lane.ts';

export interface Task {
  readonly base: Lane;
  /** The one whose agent has it for a tool. */
  readonly above: Task | undefined;
  readonly lanes: Map<string, Lane>;
  current: Lane | undefined;
  /** What its agents tell of themselves, where they are listened to: a stream that is cancelled ends without a word. */
  heard: 'nothing' | 'began' | 'over';
}

export const newTask = (base: Lane, above?: Task): Task => ({
  base,
  above,
  lanes: new Map(),
  current: undefined,
  heard: 'nothing',
});

/** Where what this agent does is recorded from now on; the same again when the task comes back to it. */
export function laneFor(task: Task, agent: string): Lane {
  const lane = task.lanes.get(agent) ?? laneOfNext(task, agent);
  task.lanes.set(agent, lane);
  task.current = lane;
  return lane;
}

function laneOfNext({ base, above, current }: Task, agent: string): Lane {
  if (current !== undefined) return delegated(current, agent);
  return above === undefined ? base : delegated(base, agent);
}

function delegated(from: Lane, agent: string): Lane {
  const held: Promise<Held<Run>> = from.run.then((run) =>
    hold((during) => run.delegate({ agent, reason: 'handed the task' }, during)),
  );
  held.catch(() => undefined);
  return laneOf(held, from);
}

/** The runs below its own, the newest first. They are the caller's to end; the task has no agents any more. */
export function takeBelow(task: Task): readonly Lane[] {
  const below = [...task.lanes.values()].filter((lane) => lane !== task.base).reverse();
  task.lanes.clear();
  task.current = undefined;
  return below;
}

/** A person is waited for: it is not cancelled when it ends, nor is any task above it. */
export function interrupted(task: Task | undefined): void {
  for (let at = task; at !== undefined; at = at.above) at.heard = 'over';
}
