/** What every store says when somebody asks the impossible of a sealed segment. */
import { TallyError } from '../error.ts';

/** Nothing is appended to a sealed segment or cut from it: a log that would need that is damaged. */
export function sealedIsFinal(first: number): TallyError {
  return new TallyError('LOG_DAMAGED', `segment ${first} is sealed, and what is wrong in it was signed`, {
    hint: 'run `tally verify`: it names every entry that does not match. After an honest restore, `tally log continue --reason …` starts a new log that cites this one',
    details: { segment: first },
  });
}

export function cannotSeal(first: number, why: string): TallyError {
  return new TallyError('LOG_DAMAGED', `segment ${first} cannot be sealed: ${why}`, {
    hint: 'its plain form stays as it is; run `tally verify`',
    details: { segment: first },
  });
}
