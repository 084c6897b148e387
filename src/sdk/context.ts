/**
 * The run that code runs in, and what all copies of the SDK in one process share: a program and a library that it uses
 * may each bring their own. Whichever comes first makes the registry; the others use it as long as its version is theirs.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OpParams } from '../recorder/ops.ts';
import type { StartedRun } from './client.ts';
import type { Run, Tally } from './types.ts';

/** Counted up when what is shared means something else. */
const VERSION = 1;
const NAME = `tallystick.sdk.v${VERSION}`;
const KEY = Symbol.for(NAME);
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
  /** Of the packages whose copies were used here; absent where a copy made it that knows nothing of this. */
  packages?: Set<string>;
  readonly version: number;
  readonly storage: AsyncLocalStorage<Here>;
  /** Of the module's own `tally`, whichever copy made it. */
  standard?: Tally;
  /** What is open in any copy is ended by one set of handlers. */
  readonly endings: Set<Ending>;
  handlers?: () => void;
  /**
   * Recorders in this process, by the path of their socket: what takes the last words of a run. Another copy, or another
   * `Tally`, may ask one of them over its socket, which nobody reads any more when the process ends.
   */
  recorders?: Map<string, (params: OpParams<'run.last'>) => boolean>;
}

/** What can be ended when the program ends. */
export interface Ending {
  /** Ends what is open, and hands over what waits, for at most some seconds. */
  end(how: ProgramEnd): Promise<void>;
  /** After the end of all: gives back what is held, which others of this process may have asked. */
  rest?(): Promise<void>;
  /** Nothing can be waited for any more. */
  lastWords(how: ProgramEnd): void;
  /** After the last words of all. */
  lastClose?(how: ProgramEnd): void;
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

/**
 * A copy of the package is used for the first time. Gives what whoever runs the program should know: another version is
 * used beside it, and what the two share.
 */
export function meet(version: string): string | undefined {
  shared.packages ??= new Set();
  const others = [...shared.packages];
  if (others.includes(version)) return undefined;
  shared.packages.add(version);
  const apart = Object.getOwnPropertySymbols(globalThis)
    .map((symbol) => Symbol.keyFor(symbol))
    .some((name) => name !== undefined && name !== NAME && /^tallystick\.sdk\.v\d+$/.test(name));
  if (apart)
    return `another version of tallystick/sdk than ${version} is used in this program, and the two share nothing: neither finds the other's runs; one is enough: npm ls tallystick`;
  if (others.length === 0) return undefined;
  return `tallystick/sdk is used in versions ${[...others, version].join(' and ')} in this program; they share runs and handlers, and each records by its own code; one is enough: npm ls tallystick`;
}

export function here(): Here | undefined {
  return shared.storage.getStore();
}
