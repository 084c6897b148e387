/**
 * The run that code runs in, and what all copies of the SDK in one process share: a program and a library that it uses
 * may each bring their own. Whichever comes first makes the registry; the others use it as long as its version is theirs.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { StartedRun } from './client.ts';
import type { Run, Tally } from './types.ts';

/** Counted up when what is shared means something else. */
const VERSION = 1;
const KEY = Symbol.for(`tallystick.sdk.v${VERSION}`);
/** On a run: what plug-ins of the same copy build on. */
export const BASE = Symbol.for(`tallystick.sdk.base.v${VERSION}`);
/** On a tool that is guarded already, by whichever copy. */
export const GUARDED = Symbol.for('tallystick.sdk.guarded');

export interface Here {
  readonly run: Run;
  /** The entry that what happens now belongs to: an action, or the start of the run. */
  readonly parentId: string;
  /** Of the run: what is started in it is in it on record too. */
  readonly started: StartedRun;
}

interface Registry {
  readonly version: number;
  readonly storage: AsyncLocalStorage<Here>;
  /** Of the module's own `tally`, whichever copy made it. */
  standard?: Tally;
  /** What is open in any copy is ended by one set of handlers. */
  readonly endings: Set<Ending>;
  handlers?: () => void;
}

/** What can be ended when the program ends. */
export interface Ending {
  /** Ends what is open, and hands over what waits, for at most some seconds. */
  end(how: ProgramEnd): Promise<void>;
  /** Nothing can be waited for any more. */
  lastWords(how: ProgramEnd): void;
  /** Something is open or waits. */
  readonly isOpen: () => boolean;
}

export interface ProgramEnd {
  readonly status: 'error' | 'aborted';
  /** `SIGTERM`, `uncaught_exception`, `process_exit`, `process_end` */
  readonly kind: string;
  readonly error?: unknown;
}

function registry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  const known = holder[KEY];
  if (known?.version === VERSION) return known;
  const made: Registry = { version: VERSION, storage: new AsyncLocalStorage(), endings: new Set() };
  Object.defineProperty(globalThis, KEY, { value: made, configurable: true });
  return made;
}

export const shared = registry();

export function here(): Here | undefined {
  return shared.storage.getStore();
}
