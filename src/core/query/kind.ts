/** How a row came out, in the words of every summary. Every row is exactly one of them. */
import { isBlocked, isFailed, isPending, type Outcomes } from './filter.ts';

export const KINDS = ['succeeded', 'failed', 'stopped', 'pending', 'noted'] as const;
/** `noted`: an entry that is no action, or whose end is said to be unknown. */
export type Kind = (typeof KINDS)[number];

/** `ended`: its post_exec is known. */
export function classify(facts: Outcomes, ended: boolean): Kind {
  if (isBlocked(facts)) return 'stopped';
  if (isFailed(facts)) return 'failed';
  if (isPending(facts, ended)) return 'pending';
  return facts.status === 'ok' || facts.status === 'started' ? 'succeeded' : 'noted';
}
