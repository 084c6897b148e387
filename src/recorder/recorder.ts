/** What the writer of one log offers in its own process, beside what every recorder does (api.ts). */
import type { Event } from '../core/entry.ts';
import type { TallyError } from '../core/error.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import type { FoundAction } from './actions.ts';
import type { Producer, Recorder } from './api.ts';
import type { Approvals } from './approvals.ts';
import type { OnDurable, Subscription } from './durable.ts';
import type { Eraser } from './erase.ts';
import type { Recorded } from './in-order.ts';
import type { Rotated } from './keys.ts';
import type { Kills } from './kills.ts';
import type { Lastly } from './lastly.ts';
import type { OpenAction, Pending } from './pending.ts';
import type { Pruner } from './prune.ts';
import type { RegistryHolder } from './registry.ts';

export interface LocalRecorder extends Recorder {
  /** Entries that have their place; `durable` ones are acknowledged. */
  readonly size: () => number;
  readonly signed: () => number;
  readonly openActions: () => number;
  /** The same by the surface that they came in by. */
  readonly openBySource: () => { readonly [surface: string]: number };
  readonly approvals: Approvals;
  readonly kills: Kills;
  /** What became of an action, by the id of its pre_exec; see `findAction`. */
  find(id: string): Promise<FoundAction | undefined>;
  /** One that is open and was not closed as unknown. */
  openAction(id: string): OpenAction | undefined;
  /** Ends an open action whose end nobody will tell, as unknown. One that comes after all is kept, and wins. */
  abandon(id: string, why: string, kind?: string): Promise<void>;
  readonly openOf: Pending['of'];
  readonly failure: () => TallyError | undefined;
  /**
   * Tells of entries once they are durable, beside the acknowledgements and never before them: nobody waits for a
   * listener, and what it throws becomes a warning.
   */
  onDurable(listener: OnDurable): Subscription;
  /** Why an old segment could not be sealed. Recording goes on. */
  readonly sealFailure: () => TallyError | undefined;
  /** Resolves when no segment is left to seal, or to try. */
  sealed(): Promise<void>;
  /** Files that this start set a torn tail aside into. */
  readonly torn: readonly string[];
  readonly registry: RegistryHolder;
  /** Makes `policy` the one in force for the next call. Its snapshot is durable when this resolves. */
  usePolicy(policy: PolicyInForce): Promise<void>;
  /** Resolves when the limits of the policy in force know the calls before it. */
  counted(): Promise<void>;
  /**
   * As `record` for each, in their order, also where payloads take their time; resolves when all are durable. An event
   * that is refused does not keep the others back. Errors: those of `record` that are of the log.
   */
  recordAll(events: readonly Event[], producer: Producer): Promise<readonly Recorded[]>;
  readonly eraser: Eraser;
  readonly pruner: Pruner;
  /** The key that signs now, and why a retired one still lies on this machine. */
  readonly vkey: () => string;
  readonly notErased: () => string | undefined;
  /** `event` says who asked. See `Keys.rotate`. */
  rotateKey(event: Event): Promise<Rotated>;
  /** For the last moment of this process. */
  readonly lastly: Lastly;
  /** Signs everything durable so far; returns the signed size. */
  checkpoint(): Promise<number>;
  /** Ends open actions as unknown, writes log.close, signs. Safe to call twice. */
  close(reason: string): Promise<void>;
}
