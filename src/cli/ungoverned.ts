/**
 * What a command does when its call or run cannot be recorded. Closed, which is the default: nothing, and exit code 8.
 * Open, where the machine's own configuration says so: it goes on, a warning says it once, and what ran is remembered
 * until the log can tell of it.
 */
import { dirname } from 'node:path';
import { createLeaves } from '../capture/ca/leaves.ts';
import { createBroker } from '../capture/proxy/broker.ts';
import { systemResolve } from '../capture/proxy/resolve.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { isOutage } from '../core/outage.ts';
import { machineConfig } from '../open/machine.ts';
import type { Note } from '../open/note-shape.ts';
import { placesOf, remember } from '../open/notes.ts';
import type { Context } from './context.ts';

type Surface = Exclude<Note['surface'], 'secrets'>;

const REASON = 'audit_unavailable';

export interface Ungoverned {
  /** Throws when it cannot be remembered: nothing goes on without a trace. */
  note(what: string): void;
  /** The failure mode of the broker's calls; a run may go on without one. */
  readonly calls: 'open' | 'closed';
  /** The same for the calls of a run. */
  forCalls(): Ungoverned;
}

/**
 * Throws `cause`, said as what it means, unless the machine's configuration lets this surface go on. `never`: whoever
 * called wants it closed, whatever is configured.
 */
export async function goOn(
  context: Context,
  surface: Surface,
  cause: unknown,
  never = false,
): Promise<Ungoverned> {
  if (!isOutage(cause)) throw cause;
  if (never) throw closed(cause, surface, 'it was asked for with --closed');
  const { failureModes = {} } = await machineConfig(context.paths.configFile);
  if ((failureModes[surface] ?? 'closed') === 'closed') throw closed(cause, surface);
  context.warn(
    `NOT RECORDED: ${cause.message}. failure_modes.${surface} is open in config.yaml, so it goes on; the log will tell of it as soon as it can be written`,
  );
  const { code, message } = cause;
  const of = (on: Surface): Ungoverned => ({
    calls: failureModes.proxy ?? 'closed',
    forCalls: () => of('proxy'),
    note(what) {
      const at = new Date(context.now()).toISOString();
      if (
        remember(placesOf(context.paths), { at, surface: on, what: what.slice(0, LIMITS.idChars), why: code })
      )
        return;
      const nowhere = `${message}, and that it was not recorded cannot be noted anywhere`;
      throw closed({ code, message: nowhere, hint: undefined, details: undefined }, on);
    },
  });
  return of(surface);
}

function closed(
  { code, message, hint, details }: Pick<TallyError, 'code' | 'message' | 'hint' | 'details'>,
  surface: Surface,
  why = `failure_modes.${surface} is closed`,
): TallyError {
  // For whoever asks to record, a log that cannot be read is a recorder that is not there.
  const told = code === 'LOG_UNREADABLE' ? 'RECORDER_UNAVAILABLE' : code;
  return new TallyError(told, `nothing was done, because it could not be recorded (${REASON}): ${message}`, {
    hint: hint ?? `\`tally doctor\` tells what is wrong; ${why}`,
    details: { ...details, reason: REASON },
  });
}

/** A broker that decides and records nothing, for as long as one command lives. */
export async function ungovernedBroker(
  context: Context,
  ungoverned: Ungoverned,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const [{ openUngoverned }, { vaultOf }] = await Promise.all([
    import('../open/ungoverned.ts'),
    import('../open/vault.ts'),
  ]);
  const { paths } = context;
  const recorder = await openUngoverned({
    paths,
    allowObserve: (await machineConfig(paths.configFile)).allow_observe,
    onWarning: context.warn,
    remember(what) {
      try {
        ungoverned.note(what);
        return true;
      } catch {
        // The call is refused for it, and the caller told.
        return false;
      }
    },
    now: context.now,
  });
  const vault = vaultOf(paths);
  const broker = createBroker({
    recorder,
    vault,
    resolve: systemResolve,
    leaves: createLeaves(paths, context.now),
    config: { port: 0, version: context.version, policyDirectory: dirname(paths.policyFile) },
    onError: (error) =>
      context.warn(
        `a call met a bug of Tallystick: ${error instanceof Error ? error.message : String(error)}`,
      ),
  });
  return {
    url: await broker.listen(),
    async close() {
      await broker.close();
      vault.close();
    },
  };
}
