/** Something is not in the log: an entry that says so, a number that a recorder left out, an index that is skipped. */
import { LIMITS } from '../../limits.ts';
import { numberAt, textAt } from '../../query/fields.ts';
import { createRecent } from '../recent.ts';
import type { PlainRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

interface Saved {
  readonly next: number;
  readonly recorders: readonly (readonly [string, number])[];
}

export const sequenceGap: MakeMatcher<PlainRule> = (_rule, teller, saved) => {
  const state = saved as Saved | undefined;
  /** The next number that each recorder has to use. */
  const recorders = createRecent<number>(LIMITS.alertRecorders, state?.recorders);
  let next = state?.next ?? -1;
  return {
    all: true,
    see({ entry, index, ms, type }) {
      const told = (what: string, subject: string, message: string): void =>
        teller.hit({ key: keyOf(what, subject), subject, message: () => message, at: ms, evidence: [index] });
      const said = numberAt(entry, 'index');
      if (next !== -1 && said !== next)
        told(
          'index',
          'the log',
          `entry ${said ?? 'without an index'} stands where entry ${next} belongs: tally verify`,
        );
      next = (said ?? next) + 1;
      if (type === 'log.gap') {
        const from = textAt(entry, 'metadata', 'from') ?? '?';
        const to = textAt(entry, 'metadata', 'to') ?? '?';
        told('log.gap', from, `nothing could be recorded from ${from} to ${to}`);
      }
      const recorder = textAt(entry, 'source', 'recorder_id');
      const seq = numberAt(entry, 'source', 'seq');
      if (recorder === undefined || seq === undefined) return;
      const expected = recorders.get(recorder);
      recorders.touch(recorder, seq + 1);
      if (expected === undefined || seq === expected) return;
      const many = seq - expected;
      told(
        'seq',
        recorder,
        many > 0
          ? `before entry ${index} ${many === 1 ? 'an entry' : `${many} entries`} of the recorder ${recorder} went missing (${expected} to ${seq - 1})`
          : `the recorder ${recorder} counts back at entry ${index}: ${seq} where ${expected} belongs`,
      );
    },
    save: (): Saved => ({ next, recorders: recorders.entries() }),
  };
};
