/** What everything that happens in one run is built on. */
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import type { StartedRun } from './client.ts';
import { BASE } from './context.ts';
import type { Queue } from './queue.ts';
import type { Shell } from './shell.ts';
import type { Common, Noted, Run } from './types.ts';
import type { UnderWay } from './under-way.ts';

export interface RunBase {
  readonly shell: Shell;
  readonly started: StartedRun;
  readonly queue: Queue;
  readonly chain: readonly string[];
  readonly agent: string | undefined;
  /** Aborted with the run. */
  readonly controller: AbortController;
  readonly under: UnderWay;
  step(): string;
  /** The entry that what happens now belongs to. */
  parent(): string;
  /** Of what the caller says about an event. */
  common(about: Common): Pick<Event, 'parent_id' | 'metadata' | 'risk' | 'reason'>;
  /** Resolves when there is room for more, or the machine lets what has none go on; rejects where it does not. */
  room(): Promise<void>;
  /** What is still to be told when the run ends, by whatever ends it; waited for before anything open in it is ended. */
  beforeEnd(tell: () => Promise<void>): void;
  /** An event of its own kind, told by what records a framework. */
  tell(type: string, about: Common, more: Partial<Event>, kept: Kept): Noted;
}

/** A value that goes into a payload, where there is one. */
export interface Kept {
  readonly class: string;
  readonly value: unknown;
}

/** Of a run of this copy of the SDK, or of one that shares its meaning. */
export function baseOf(run: Run): RunBase {
  const base = (run as { readonly [BASE]?: RunBase })[BASE];
  if (base !== undefined) return base;
  throw new TallyError('USAGE', 'this run comes from another version of tallystick/sdk', {
    hint: 'one version in one program: npm ls tallystick',
  });
}
