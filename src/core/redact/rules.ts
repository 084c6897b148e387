/**
 * Pattern rules: what a credential or a personal datum looks like in text. A rule names byte strings (anchors) that
 * every match contains; the gate looks for these in the serialised entry, so that the expressions themselves run only
 * on the few texts that hold one.
 *
 * Every expression runs in linear time: repeats are bounded, none is nested in a way that lets two of them share the
 * same characters, and a repeat that can fail late starts at a boundary, so that one run of characters is tried once.
 * Whoever writes an entry's text is the attacker here.
 */
import type { Anchor } from './anchors.ts';

export interface Rule {
  /** Stands in "[REDACTED:name]" and in the counts. */
  readonly name: string;
  /**
   * What the gate looks for. `digits`: a run of at least 13 digits, capitals and
   * separators. `at`: an at sign, of
   * which identity fields may have some. `names`: a secret name. An empty
   * list: every text.
   */
  readonly anchors: readonly Anchor[] | 'digits' | 'at' | 'names';
  /** With the flag g. */
  readonly expression: RegExp;
  /**
   * Which part of a match is replaced, as offsets from its start (a negative one reaches back). A number: it was no
   * match after all, and the search goes on that many characters, at least one, behind its start. Absent: all of it.
   */
  readonly part?: (match: RegExpExecArray) => readonly [from: number, to: number] | number;
}

/** Adds up what was replaced, by name. */
export interface Counts {
  count: number;
  readonly rules: Record<string, number>;
}

export function newCounts(): Counts {
  // Names come from the vault: one called __proto__ must be counted too.
  return { count: 0, rules: Object.create(null) as Record<string, number> };
}

export function countHit(counts: Counts, name: string, times = 1): void {
  counts.count += times;
  counts.rules[name] = (counts.rules[name] ?? 0) + times;
}

/** What an earlier step already replaced stays as it is: its name says more than the next rule's. */
const MARKER = /^\[REDACTED:[^\]]{1,256}\]$/;

export function isMarker(text: string): boolean {
  return MARKER.test(text);
}

export function markerOf(name: string): string {
  return `[REDACTED:${name}]`;
}

/** The text with every match of every rule replaced, rule after rule. */
export function applyRules(text: string, rules: readonly Rule[], counts: Counts): string {
  let result = text;
  for (const rule of rules) result = applyRule(result, rule, counts);
  return result;
}

function applyRule(text: string, rule: Rule, counts: Counts): string {
  const { expression } = rule;
  let result = '';
  let kept = 0;
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
    const part = rule.part?.(match) ?? [0, match[0].length];
    if (typeof part === 'number') {
      expression.lastIndex = match.index + part;
      continue;
    }
    const from = Math.max(kept, match.index + part[0]);
    const to = match.index + part[1];
    expression.lastIndex = to;
    if (isMarker(text.slice(from, to))) continue;
    result += text.slice(kept, from) + markerOf(rule.name);
    kept = to;
    countHit(counts, rule.name);
  }
  // An expression may have cut a pair of surrogates in two; what is left must still have a UTF-8 form.
  return kept === 0 ? text : (result + text.slice(kept)).toWellFormed();
}
