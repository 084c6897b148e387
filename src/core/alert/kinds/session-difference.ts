/**
 * A session of a coding agent whose record and whose transcript are not the same: calls that ran and that nobody put on
 * record, or calls on record that its transcript does not have (spec/claude-code.md section 4).
 */
import { isSelfReported } from '../../query/assurance.ts';
import { listAt, numberAt, textAt } from '../../query/fields.ts';
import type { Look } from '../look.ts';
import type { PlainRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

export const sessionDifference: MakeMatcher<PlainRule> = (_rule, teller) => ({
  see({ type, entry, run, agent, ms, index }) {
    // A client may say anything; only what the hooks' own surface found is a finding.
    if (type !== 'session.check' || textAt(entry, 'source', 'surface') !== 'hook' || isSelfReported(entry))
      return;
    const missing = numberAt(entry, 'metadata', 'missing_from_record_count') ?? 0;
    const untold = numberAt(entry, 'metadata', 'missing_from_transcript_count') ?? 0;
    if (missing <= 0 && untold <= 0) return;
    const session = run ?? 'without a name';
    teller.hit({
      key: keyOf(run),
      subject: session,
      message: () => {
        const ran =
          missing > 0 ? [`${calls(missing)} ran and ${are(missing)} on no record${toolsIn(entry)}`] : [];
        const told = untold > 0 ? [`${calls(untold)} on record ${are(untold)} not in its transcript`] : [];
        return `the session ${session} of ${agent ?? 'an agent'}: ${[...ran, ...told].join('; ')}. tally log show ${index}`;
      },
      at: ms,
      evidence: [index],
    });
  },
  save: () => null,
});

const are = (count: number): string => (count === 1 ? 'is' : 'are');
const calls = (count: number): string => (count === 1 ? 'one call' : `${count} calls`);

/** The first of them that are named. */
function toolsIn(entry: Look['entry']): string {
  const tools = listAt(entry, 'metadata', 'missing_from_record').flatMap((one) => textAt(one, 'tool') ?? []);
  const named = [...new Set(tools)].slice(0, NAMED).map((tool) => tool.slice(0, NAME_CHARS));
  return named.length === 0 ? '' : `: ${named.join(', ')}`;
}

const NAMED = 5;
const NAME_CHARS = 64;
