/**
 * Redaction: runs before anything is stored, hashed for display, or sent. Three steps, in this order: the exact values
 * of every secret known to the process in all their encodings, member names that stand for a secret, and patterns.
 * Each replaced value reads "[REDACTED:rule]"; an exact value is replaced under its secret's name.
 *
 * Kept although a rule would fit: `actor.user.email` (who the user is belongs into the record), words that the schema
 * itself lists, and `id`, `prev` and `ts`, which the writer makes. Exact values are removed from everything else, names
 * of members included.
 *
 * Buffers, dates and other class instances are refused (`BAD_EVENT`), not converted: base64 of a buffer would hide
 * what is in it from every rule.
 */

import { encodeUtf8 } from '../bytes.ts';
import { ENTRY_SHAPE } from '../canonical/entry.ts';
import { isPlain } from '../canonical/quote.ts';
import { serializeEntry } from '../canonical.ts';
import { type Entry, EntrySchema } from '../entry.ts';
import { TallyError } from '../error.ts';
import { CREDENTIAL_RULES } from './credentials.ts';
import { type CustomPattern, customRule } from './custom.ts';
import { createGate } from './gate.ts';
import { createSecretNames } from './keys.ts';
import { assignmentRule } from './names-in-text.ts';
import { PERSONAL_RULES } from './personal.ts';
import { applyRules, type Counts, newCounts, type Rule } from './rules.ts';
import { createSecrets } from './secrets.ts';
import { createScrubber, type Scrubber } from './stream.ts';
import { createScratch, replaceExact } from './text.ts';
import { URL_RULES } from './urls.ts';
import { type TextMode, walk } from './walk.ts';

declare const redacted: unique symbol;
/** Only a redactor makes it, and only it may be stored or sent. */
export type Redacted<T> = T & { readonly [redacted]: true };

export interface Redaction<T> {
  readonly value: Redacted<T>;
  /** How many places were replaced, and by which rule or secret. */
  readonly count: number;
  readonly rules: Readonly<Record<string, number>>;
}

export interface RedactorOptions {
  /** Member names whose value is replaced, besides the built-in ones. */
  readonly names?: readonly string[];
  /** Patterns besides the built-in ones. One without a fixed text of two characters costs a walk of every entry. */
  readonly patterns?: readonly CustomPattern[];
}

export interface Redactor {
  /**
   * From now on this value is replaced wherever it occurs. A value that was set under the name before is forgotten.
   * False: it is shorter than `LIMITS.secretMinBytes` and not searched for. Throws `USAGE` beyond
   * `LIMITS.secretMaxBytes`.
   */
  setSecret(name: string, value: string): boolean;
  deleteSecret(name: string): void;
  /**
   * The canonical bytes of an entry without anything that must not be stored, good until the next call of any method. What was replaced is added to
   * `outcome.redaction`; an entry without an outcome carries its markers only. Costs one pass over the text when there
   * is nothing to replace. Throws `BAD_EVENT` for what has no JSON form, is nested deeper than `LIMITS.jsonDepth` or,
   * when something is found, has more than `LIMITS.jsonNodes` members: nothing is stored unsearched.
   */
  redactEntry(entry: Entry): Redacted<Uint8Array>;
  /** An event or entry, or a part of one that is shaped like it. The given object is not changed. */
  redact<T extends object>(value: T): Redaction<T>;
  /** Any JSON value, none of whose members is known: arguments, results, payloads. */
  redactValue<T>(value: T): Redaction<T>;
  redactText(text: string): Redaction<string>;
  /** Takes the exact values set so far out of a stream of bytes; values set later do not change it. */
  scrubber(): Scrubber;
}

/** Throws `BAD_CONFIG` for an added name or pattern that is not taken. */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  const names = createSecretNames(options.names);
  const rules: readonly Rule[] = [
    ...CREDENTIAL_RULES,
    ...URL_RULES,
    assignmentRule(names),
    ...PERSONAL_RULES,
    ...(options.patterns ?? []).map(customRule),
  ];
  const withoutEmail = rules.filter((rule) => rule.name !== 'email');
  const mayMatch = createGate(rules, names);
  const secrets = createSecrets();
  const scratch = createScratch();

  /** JSON text as bytes; undefined whenever the walk would change something, and now and then when it would not. */
  function asClean(json: string, identities: number): Uint8Array | undefined {
    const utf8 = scratch.encode(json);
    const found =
      secrets.inJson().find(utf8.view, 0, utf8.length, utf8.length) !== undefined ||
      mayMatch(utf8, identities);
    if (!found) return utf8.bytes.subarray(0, utf8.length);
    scratch.wipe();
    return undefined;
  }

  function redactText(text: string, counts: Counts, mode: TextMode): string {
    if (asClean(isPlain(text) ? `"${text}"` : JSON.stringify(text), 0) !== undefined) return text;
    const exact = replaceExact(text, secrets.plain(), scratch, counts);
    scratch.wipe();
    if (mode === 'exact') return exact;
    return applyRules(exact, mode === 'identity' ? withoutEmail : rules, counts);
  }

  const walkOptions = { redactText, isSecretName: names.has };

  function walked<T>(value: T, shape: typeof ENTRY_SHAPE | undefined): Redaction<T> {
    const counts = newCounts();
    const result = walk(value, shape, walkOptions, counts);
    return { value: result as Redacted<T>, count: counts.count, rules: counts.rules };
  }

  return {
    setSecret: secrets.set,
    deleteSecret: secrets.delete,
    redactEntry(entry) {
      const json = serializeEntry(entry);
      const clean = asClean(json, atSigns(entry.actor?.user?.email));
      if (clean !== undefined) return clean as Redacted<Uint8Array>;
      const { value, count, rules: replaced } = walked(entry, ENTRY_SHAPE);
      if (count === 0) return encodeUtf8(json) as Redacted<Uint8Array>;
      const safe = withCounts(value, count, replaced);
      const field = EntrySchema.safeParse(safe).error?.issues[0]?.path.join('.');
      if (field !== undefined) {
        throw new TallyError(
          'BAD_EVENT',
          `${field} holds something that must not be stored, and nothing else fits there`,
          {
            hint: `leave it out of ${field}; nothing was recorded for this event`,
          },
        );
      }
      return encodeUtf8(serializeEntry(safe)) as Redacted<Uint8Array>;
    },
    redact: (value) => walked(value, ENTRY_SHAPE),
    redactValue: (value) => walked(value, undefined),
    scrubber: () => createScrubber(secrets.plain()),
    redactText(text) {
      const counts = newCounts();
      return {
        value: redactText(text, counts, 'all') as Redacted<string>,
        count: counts.count,
        rules: counts.rules,
      };
    },
  };
}

function atSigns(text: unknown): number {
  return typeof text === 'string' ? text.split('@').length - 1 : 0;
}

/** Whoever scrubbed the response may have counted already. */
function withCounts(entry: Entry, count: number, rules: Readonly<Record<string, number>>): Entry {
  const { outcome } = entry;
  if (outcome === undefined) return entry;
  const before = outcome.redaction;
  const sum: Record<string, number> = Object.assign(Object.create(null), before?.rules);
  for (const [name, times] of Object.entries(rules)) sum[name] = (sum[name] ?? 0) + times;
  return {
    ...entry,
    outcome: { ...outcome, redaction: { ...before, count: (before?.count ?? 0) + count, rules: sum } },
  };
}
