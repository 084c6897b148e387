import type { OpResults } from '../../../recorder/ops.ts';
import type { BoundOptions } from '../../bounds.ts';
import type { ChildEnd } from './child.ts';
import type { InjectOptions } from './inject.ts';

export interface RunOptions extends BoundOptions {
  readonly user?: string;
  readonly agent?: string;
  readonly reason?: string;
  readonly project?: string;
  readonly env?: string;
  readonly verifyExit?: boolean;
  readonly quiet?: boolean;
  /** False: the command's own proxy settings stay, and calls are recorded only where they are addressed to the broker. */
  readonly proxy?: boolean;
  /** False: nothing stands for the secrets of the project. */
  readonly placeholders?: boolean;
  /** Nothing goes on unrecorded, whatever the machine's configuration says. */
  readonly closed?: boolean;
  /** Secrets for the command. */
  readonly inject?: InjectOptions;
  /** Without a log that can be written a person's command runs all the same, where the machine says so. */
  readonly unrecorded?: boolean;
}

/** A command that has ended, or could not start. */
export interface Ran {
  readonly started: OpResults['run.start'];
  readonly end: ChildEnd;
  readonly durationMs: number;
  /** RFC 3339: no entry of the run is older. */
  readonly since: string;
}
