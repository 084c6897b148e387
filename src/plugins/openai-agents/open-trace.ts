/** A trace that is not over yet, with its spans that are not, and the end of its tasks. */
import type { Noted } from '../../sdk/types.ts';
import type { Lane } from './lane.ts';
import { newTask, type Task, takeBelow } from './task.ts';

export interface OpenSpan {
  readonly lane: Lane;
  readonly task: Task;
  /** One `Runner.run`. */
  readonly isTask: boolean;
  /** Told to have begun. */
  call?: Noted;
  /** The guard around the tool records it. */
  claimed?: boolean;
  agent?: string;
}

export interface OpenTrace {
  readonly lane: Lane;
  readonly task: Task;
  readonly spans: Map<string, OpenSpan>;
  /** Those with runs below their own: a span may come after its task was over. */
  readonly tasks: Set<Task>;
  /** The last of the ends that are under way. */
  ending: Promise<void>;
  /** A trace may be gone on with while it is open. None: the SDK told of its spans alone, and will not tell its end. */
  starts: number;
  /** A trace whose function threw is not told to end: nothing is heard of it any more. */
  idle?: NodeJS.Timeout;
}

export const newTrace = (lane: Lane, starts: number): OpenTrace => ({
  lane,
  task: newTask(lane),
  spans: new Map(),
  tasks: new Set(),
  ending: Promise.resolve(),
  starts,
});

export const hasTasks = ({ spans }: OpenTrace): boolean => [...spans.values()].some(({ isTask }) => isTask);

/** One after the other, as they are told: the SDK waits for none, and the end of a run revokes what runs below it act with. */
export function endTask(trace: OpenTrace, task: Task, error: Error | undefined): Promise<void> {
  const below = takeBelow(task);
  trace.ending = trace.ending.then(async () => {
    for (const lane of below) await lane.end(error);
    await task.base.settle();
  });
  return trace.ending;
}
