/** What each kind of rule brings. Its state is plain JSON and bounded; of two with the same state both go on alike. */
import type { Teller } from '../action.ts';
import type { Look } from '../look.ts';
import type { AlertRule, DedupeField } from '../rule.ts';

/** What stands in no entry: the state of the machine, and what others made of the entries. */
export type Signal =
  | { readonly kind: 'disk'; readonly at: number; readonly free_bytes: number }
  | {
      readonly kind: 'verification';
      readonly at: number;
      readonly verdict: 'pass' | 'fail';
      readonly words: string;
    }
  | {
      readonly kind: 'drift';
      readonly at: number;
      readonly agent: string;
      /** What differs: the baseline's name for it. */
      readonly deviation: string;
      readonly subject: string;
      readonly score: number;
      readonly words: string;
      readonly evidence: readonly number[];
    };

export interface Matcher {
  /** Whether `see` is called for the entries about alerts too: who counts entries has to. */
  readonly all?: true;
  /** `t`: the log's time. Called for every entry, in order. */
  see?(look: Look, t: number): void;
  signal?(signal: Signal): void;
  /** The log time of its next deadline, and what happens then. */
  due?(): number;
  fire?(): void;
  save(): unknown;
}

/** `saved`: what `save` of the same rule gave. */
export type MakeMatcher<R extends AlertRule = AlertRule> = (
  rule: R,
  teller: Teller,
  saved: unknown,
) => Matcher;

/** Values by which alerts are told apart, as text that no other values give. */
export function keyOf(...values: readonly (string | undefined)[]): string {
  return JSON.stringify(values.map((value) => value ?? null));
}

export function dedupeKey(
  rule: AlertRule,
  fallback: readonly DedupeField[],
  look: Look,
  credential: string | undefined = look.credentials[0],
): string {
  return keyOf(
    ...(rule.dedupe ?? fallback).map((field) => (field === 'credential' ? credential : look[field])),
  );
}
