/**
 * What began and did not end: a run without its end, a call without its post_exec. What is open stands in the order of
 * the log, which is that of the deadlines. Over the bound the oldest is no longer waited for.
 */
import { LIMITS } from '../../limits.ts';
import { durationText } from '../duration.ts';
import { type Look, whoIn } from '../look.ts';
import { createRecent } from '../recent.ts';
import type { MissingRule } from '../rule.ts';
import { dedupeKey, keyOf, type MakeMatcher } from './kind.ts';

interface Waiting {
  readonly t: number;
  readonly ms: number;
  readonly index: number;
  readonly key: string;
  readonly subject: string;
}

interface Saved {
  readonly open: readonly (readonly [string, Waiting])[];
  readonly told: readonly (readonly [string, string])[];
}

export const missing: MakeMatcher<MissingRule> = (rule, teller, saved) => {
  const state = saved as Saved | undefined;
  const open = createRecent<Waiting>(LIMITS.alertWaiting, state?.open);
  /** Those that were told, with the key of the alert: it is over when the end comes after all. */
  const told = createRecent<string>(LIMITS.openAlerts, state?.told);
  const ofRuns = rule.kind === 'missing_run_end';

  function begun(look: Look): string | undefined {
    if (!ofRuns) return look.phase === 'pre_exec' ? look.id : undefined;
    return look.type === 'run.start' && look.decision !== 'stop' ? look.run : undefined;
  }

  function ended(look: Look): string | undefined {
    if (!ofRuns) return look.phase === 'post_exec' ? look.parent : undefined;
    return look.type === 'run.end' ? look.run : undefined;
  }

  return {
    see(look, t) {
      const end = ended(look);
      if (end !== undefined) {
        open.delete(end);
        const key = told.get(end);
        if (key !== undefined && told.delete(end)) teller.resolve(key, look.ms);
        return;
      }
      const id = begun(look);
      if (id === undefined || open.get(id) !== undefined) return;
      const what = look.host ?? look.tool ?? look.type;
      open.touch(id, {
        t,
        ms: look.ms,
        index: look.index,
        key: rule.dedupe === undefined ? keyOf(id) : dedupeKey(rule, [], look),
        subject: ofRuns ? `${id} of ${whoIn(look)}` : `${what} by ${whoIn(look)}`,
      });
    },
    due() {
      const oldest = open.oldest();
      return oldest === undefined ? Number.POSITIVE_INFINITY : oldest[1].t + rule.after_ms;
    },
    fire() {
      const oldest = open.oldest();
      if (oldest === undefined) return;
      const [id, { key, subject, ms, index }] = oldest;
      open.delete(id);
      told.touch(id, key);
      const after = durationText(rule.after_ms);
      const message = ofRuns
        ? `the run ${subject} has not ended ${after} after its start`
        : `the call of ${subject} has not ended ${after} after it began: nobody can tell what came of it`;
      teller.hit({ key, subject, message: () => message, at: ms + rule.after_ms, evidence: [index] });
    },
    save: (): Saved => ({ open: open.entries(), told: told.entries() }),
  };
};
