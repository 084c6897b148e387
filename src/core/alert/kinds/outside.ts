/** What is known of the machine, and of a verification that ran on it: from signals, not from entries. */
import { sizeText } from '../duration.ts';
import type { DiskRule, VerificationRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

const NO_ENTRIES: readonly number[] = [];
/** Only with this much more than the rule asks for is it over: at the very edge it would come and go. */
const RELIEF = 1.1;

export const diskLow: MakeMatcher<DiskRule> = (rule, teller) => ({
  signal(signal) {
    if (signal.kind !== 'disk') return;
    const { free_bytes, at } = signal;
    const key = keyOf('disk');
    if (free_bytes >= rule.free_bytes * RELIEF) return teller.resolve(key, at);
    if (free_bytes >= rule.free_bytes) return;
    teller.hit({
      key,
      subject: 'the disk of the log',
      message: () =>
        `${sizeText(free_bytes)} are free on the disk of the log, less than ${sizeText(rule.free_bytes)}; a full disk stops every call`,
      at,
      evidence: NO_ENTRIES,
    });
  },
  save: () => null,
});

export const verificationFailed: MakeMatcher<VerificationRule> = (_rule, teller) => ({
  signal(signal) {
    if (signal.kind !== 'verification') return;
    const key = keyOf('verification');
    if (signal.verdict === 'pass') return teller.resolve(key, signal.at);
    teller.hit({
      key,
      subject: 'the log',
      message: () => `verification failed: ${signal.words}. Keep a copy, and run: tally verify`,
      at: signal.at,
      evidence: NO_ENTRIES,
    });
  },
  save: () => null,
});
