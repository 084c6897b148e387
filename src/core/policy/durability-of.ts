/** What of a call has to be durable before it goes on, by the lines of the allowlist that permit it. */
import { linesFor, permits } from './allowed-lines.ts';
import type { CompiledPolicy } from './compiled.ts';
import { knownTarget } from './context.ts';
import { DURABILITIES, type Durability, durabilityRank } from './durability.ts';
import { indexOf } from './index-of.ts';
import { environmentOf, projectOf } from './subject.ts';
import type { DecisionRequest, Identity } from './types.ts';

/** Of the lines that permit the call the strictest counts: one that permits more must not take back what another asks. */
export function durabilityOf(
  request: DecisionRequest,
  identity: Identity,
  policy: CompiledPolicy,
): Durability {
  const index = indexOf(policy);
  const to = index.relaxed ? knownTarget(request.action.target) : undefined;
  if (to?.host === undefined) return 'intent';
  const where = { project: projectOf(request, identity), environment: environmentOf(request, identity) };
  let found: number | undefined;
  for (const candidate of linesFor(index, to.host)) {
    if (!permits(candidate, to, where)) continue;
    const rank = durabilityRank(candidate.line.durability);
    found = found === undefined ? rank : Math.min(found, rank);
  }
  return DURABILITIES[found ?? 0] ?? 'intent';
}
