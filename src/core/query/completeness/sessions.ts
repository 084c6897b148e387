/**
 * Calls of agents that their own transcripts tell of and the log does not, and the other way round: what the hooks of a
 * coding agent found when they compared (spec/claude-code.md section 4).
 */
import type { JsonObject } from '../../json.ts';
import { isSelfReported } from '../assurance.ts';
import { numberAt, textAt } from '../fields.ts';
import { type Listing, listing, type Place } from './findings.ts';
import { placeOf } from './pairs.ts';

export interface SessionsWatch {
  see(entry: JsonObject, type: string): void;
  /** Entries that tell of calls which are on no record. */
  readonly unrecorded: Listing<Place>;
  readonly unrecordedCalls: () => number;
  /** Calls on record that no transcript tells of. */
  readonly untoldCalls: () => number;
}

export function watchSessions(onUnrecorded: ((place: Place) => void) | undefined): SessionsWatch {
  const unrecorded = listing<Place>(onUnrecorded);
  let [calls, untold] = [0, 0];
  return {
    see(entry, type) {
      // Only what the hooks' own surface found: a client may say anything.
      if (type !== 'session.check' || textAt(entry, 'source', 'surface') !== 'hook' || isSelfReported(entry))
        return;
      const missing = numberAt(entry, 'metadata', 'missing_from_record_count') ?? 0;
      calls += missing;
      untold += numberAt(entry, 'metadata', 'missing_from_transcript_count') ?? 0;
      if (missing > 0) unrecorded.add(placeOf(entry));
    },
    unrecorded,
    unrecordedCalls: () => calls,
    untoldCalls: () => untold,
  };
}
