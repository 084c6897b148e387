/**
 * Scopes are names, compared whole. What somebody holds is in lists; what is left after several hands is what every one
 * of theirs names too, so passing on never adds anything.
 */

/** What a user holds: a scope of any of the lists. Undefined: everything. */
export type Held = readonly (readonly string[])[] | undefined;

export interface Effective {
  readonly held: Held;
  /** Of those who passed the task on, and of the token at last. A hand that says nothing passes on all it has. */
  readonly passedOn: readonly (readonly string[])[];
}

export const EVERYTHING: Effective = { held: undefined, passedOn: [] };

/** In all lists before number `hands` of those that were passed on. */
function isLeft({ held, passedOn }: Effective, scope: string, hands: number): boolean {
  if (held !== undefined && !held.some((list) => list.includes(scope))) return false;
  for (let i = 0; i < hands; i++) if (passedOn[i]?.includes(scope) === false) return false;
  return true;
}

export const isEffective = (effective: Effective, scope: string): boolean =>
  isLeft(effective, scope, effective.passedOn.length);

/** The first scope that a hand passed on and did not have. */
export function exceeded(effective: Effective): string | undefined {
  for (const [hand, list] of effective.passedOn.entries())
    for (const scope of list) if (!isLeft(effective, scope, hand)) return scope;
  return undefined;
}

/**
 * Written out, for a rule to read. Of whoever holds everything, those that the policy names (`named`): a list that grew
 * when it is narrowed would let a delegate do what nobody before it may.
 */
export function listEffective(effective: Effective, named: readonly string[]): readonly string[] {
  const from = effective.held?.flat() ?? named;
  return [...new Set(from)].filter((scope) => isEffective(effective, scope));
}
