/** One difference between two policies, as a row of the table says it. */
import type { JsonObject } from '../json.ts';
import { booleanAt, textAt } from '../query/fields.ts';
import type { Change } from './differences.ts';
import type { Otherwise } from './otherwise.ts';

/** What is decided but not enforced lets the call go on. */
function outcomeWords(outcome: string, enforced: boolean | undefined): string {
  return enforced === false && outcome !== 'allow' ? `${outcome} (observed)` : outcome;
}

export function changeOf(entry: JsonObject, found: Exclude<Otherwise, { kind: 'same' }>): Change {
  const before = outcomeWords(
    textAt(entry, 'decision', 'outcome') ?? '',
    booleanAt(entry, 'decision', 'enforced'),
  );
  const about = {
    before,
    agent: textAt(entry, 'actor', 'agent_id') ?? '',
    to:
      textAt(entry, 'action', 'target', 'host') ??
      textAt(entry, 'action', 'tool', 'name') ??
      textAt(entry, 'action', 'name') ??
      '',
  };
  if (found.kind === 'undecidable') return { ...about, reason: found.why };
  const { outcome, reason, rule, enforced } = found.after;
  const why = rule === undefined ? reason : `${reason ?? ''} (${rule})`;
  return { ...about, after: outcomeWords(outcome, enforced), reason: why ?? '' };
}
