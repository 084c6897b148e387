/**
 * How much of a call has to be on disk before it goes on. `intent`: its pre_exec, before anything leaves. `reply`: it is
 * sent at once, and its answer waits for both of its entries. `async`: nothing waits.
 */

/** The strictest first. */
export const DURABILITIES = ['intent', 'reply', 'async'] as const;
export type Durability = (typeof DURABILITIES)[number];

/** Of what a line says; with nothing said, the strictest. */
export const durabilityRank = (said: Durability | undefined): number =>
  DURABILITIES.indexOf(said ?? 'intent');
