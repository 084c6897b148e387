/** What all runs of one `Tally` share: the recorder, who says what holds without it, and what was lost. */
import { LIMITS } from '../core/limits.ts';
import { isOutage } from '../core/outage.ts';
import type { RecorderClient } from './client.ts';
import type { Maker } from './parts.ts';
import { createRoom, type Room } from './room.ts';
import type { FailureMode } from './types.ts';
import type { Ungoverned, World } from './world.ts';

export interface Shell {
  readonly client: RecorderClient;
  readonly world: World;
  readonly make: Maker;
  readonly room: Room;
  readonly outage: Outage;
  mode(): Promise<FailureMode>;
  ungoverned(): Promise<Ungoverned | undefined>;
  warn(line: string): void;
  lost(what: string, why: string): void;
  /** Says in the log what is not in it, as soon as anything can be recorded. Never rejects. */
  tellLost(): Promise<void>;
  /** The same beside the log, when the program ends. */
  rememberLost(): void;
}

/** How long nothing could be recorded: whoever waits is told after a while. */
export interface Outage {
  began(error: unknown): void;
  ended(): void;
  /** As `promise`; or what is wrong, when nothing could be recorded for `LIMITS.sdkRetryMs`. */
  within<T>(promise: Promise<T>): Promise<T | { readonly outage: unknown }>;
  readonly error: () => unknown;
}

export function createOutage(warn: (line: string) => void): Outage {
  let down: { readonly error: unknown; over: boolean; readonly timer: NodeJS.Timeout } | undefined;
  const waiting = new Set<(told: { readonly outage: unknown }) => void>();

  return {
    began(error) {
      if (down !== undefined) return;
      warn(
        `nothing is recorded: ${error instanceof Error ? error.message : String(error)}; events wait, and it is tried again`,
      );
      const timer = setTimeout(() => {
        if (down === undefined) return;
        down.over = true;
        for (const tell of waiting) tell({ outage: error });
        waiting.clear();
      }, LIMITS.sdkRetryMs);
      down = { error, over: false, timer };
    },
    ended() {
      if (down === undefined) return;
      clearTimeout(down.timer);
      down = undefined;
      warn('it is recorded again');
    },
    within(promise) {
      if (down?.over === true) return Promise.race([promise, Promise.resolve({ outage: down.error })]);
      return new Promise((resolve, reject) => {
        waiting.add(resolve);
        promise.then(resolve, reject).finally(() => waiting.delete(resolve));
      });
    },
    error: () => down?.error,
  };
}

export function createShell(
  options: Pick<Shell, 'client' | 'world' | 'make'> & {
    readonly onWarning: ((line: string) => void) | undefined;
  },
): Shell {
  const { client, world, make, onWarning } = options;
  let mode: Promise<FailureMode> | undefined;
  let ungoverned: Promise<Ungoverned | undefined> | undefined;
  let losses:
    | { from: number; to: number; count: number; readonly what: Map<string, number>; why: string }
    | undefined;

  function warn(line: string): void {
    try {
      (onWarning ?? world.warn)(line);
    } catch {
      // A handler that throws must not stop the agent; there is nobody else to tell.
    }
  }

  return {
    client,
    world,
    make,
    room: createRoom(),
    outage: createOutage(warn),
    mode: () => (mode ??= world.failureMode()),
    ungoverned: () => (ungoverned ??= world.ungoverned().catch(() => undefined)),
    warn,
    lost(what, why) {
      const now = world.now();
      losses ??= { from: now, to: now, count: 0, what: new Map(), why };
      losses.to = now;
      losses.count++;
      losses.what.set(what, (losses.what.get(what) ?? 0) + 1);
      losses.why = why;
      // Not every one of thousands.
      if (Number.isInteger(Math.log2(losses.count))) warn(`${losses.count} not recorded: ${what} (${why})`);
    },
    async tellLost() {
      const told = losses;
      if (told === undefined) return;
      losses = undefined;
      try {
        await client.gap({
          id: world.entryId(),
          surface: 'sdk',
          from: new Date(told.from).toISOString(),
          to: new Date(told.to).toISOString(),
          count: told.count,
          what: [...told.what]
            .slice(0, 50)
            .map(([what, count]) => `${count} × ${what}`.slice(0, LIMITS.idChars)),
          why: told.why.slice(0, LIMITS.reasonBytes / 4),
        });
      } catch (error) {
        // Told later, together with what is lost until then; the last word is beside the log.
        const since = losses as typeof told | undefined;
        losses = since === undefined ? told : merged(told, since);
        if (!isOutage(error)) warn(`what was lost is not in the log yet: ${String(error)}`);
      }
    },
    rememberLost() {
      if (losses === undefined) return;
      const { count, why, what } = losses;
      losses = undefined;
      const names = [...what].map(([name, times]) => `${times} × ${name}`).join(', ');
      if (!world.remember({ what: names, why, count }))
        warn(`${count} events are not recorded, and that cannot be noted anywhere: ${names}`);
    },
  };
}

type Losses = { from: number; to: number; count: number; readonly what: Map<string, number>; why: string };

function merged(before: Losses, since: Losses): Losses {
  const what = new Map(before.what);
  for (const [name, times] of since.what) what.set(name, (what.get(name) ?? 0) + times);
  return { from: before.from, to: since.to, count: before.count + since.count, what, why: since.why };
}
