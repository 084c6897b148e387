/**
 * What decisions are made from besides the policy and the request, as the log tells it: kill switches, sliding windows,
 * budgets and approvals. A fold over entries, told of each as it gets its place, so that the next decision knows of it;
 * rebuilt from the log it gives the same answers.
 */
import type { Entry } from '../entry.ts';
import type { PolicyInForce } from '../policy/compiled.ts';
import type { DecisionInputs, DecisionRequest, Identity, Principal } from '../policy/types.ts';

/** The members of `DecisionInputs` that come from here. */
export type Governed = Pick<DecisionInputs, 'kill' | 'windows' | 'budget' | 'grant'>;

export interface Governance {
  /** Entries are handed in by rising index; one that was seen already changes nothing. */
  observe(entry: Entry): void;
  /** What stands against or for this call now. Changes nothing. */
  readFor(
    request: DecisionRequest,
    identity: Identity,
    principal: Principal | undefined,
    policy: PolicyInForce,
    nowMs: number,
  ): Governed;
}

export function createGovernance(): Governance {
  return { observe: () => undefined, readFor: () => ({}) };
}
