/**
 * Calls from before their decision to their end, so that a kill switch finds each of them: one that was decided before
 * the switch and is not sent yet is not sent any more, and one that is under way is cut.
 */

import type { CompiledPolicy } from '../../core/policy/compiled.ts';
import { killScopesOf } from '../../core/policy/kill-scopes.ts';
import type { DecisionRequest, Identity } from '../../core/policy/types.ts';
import { createSlots } from '../../core/slots.ts';
import { type Failure, killed } from './failure.ts';

export interface Flight {
  /** Set when a switch concerns it: nothing of it may be sent. */
  readonly failure: () => Failure | undefined;
  /** What ends it from here on; called at once when a switch was there first. */
  onKill(end: (failure: Failure) => void): void;
  /** It is over. */
  land(): void;
}

export interface Flights {
  begin(request: DecisionRequest, identity: Identity): Flight;
  /** Ends those that `scope` concerns, and says how many there were. */
  kill(scope: string, policy: CompiledPolicy): number;
}

interface Flying {
  readonly request: DecisionRequest;
  readonly identity: Identity;
  failure: Failure | undefined;
  end: ((failure: Failure) => void) | undefined;
}

export function createFlights(): Flights {
  const all = createSlots<Flying>();
  return {
    begin(request, identity) {
      const flying: Flying = { request, identity, failure: undefined, end: undefined };
      const at = all.put(flying);
      return {
        failure: () => flying.failure,
        onKill(end) {
          flying.end = end;
          if (flying.failure !== undefined) end(flying.failure);
        },
        land: () => all.take(at, flying),
      };
    },
    kill(scope, policy) {
      let ended = 0;
      for (const flying of all.all()) {
        if (flying.failure !== undefined) continue;
        if (!killScopesOf(flying.request, flying.identity, policy).includes(scope)) continue;
        flying.failure = killed(scope);
        ended++;
        flying.end?.(flying.failure);
      }
      return ended;
    },
  };
}
