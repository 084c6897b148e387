/** Redaction for programs: the recorder's own rules, with names and patterns of the program's beside them. */
import { createRedactor } from '../core/redact/redact.ts';
import { capture } from './capture.ts';
import type { RedactionPack } from './types.ts';

/**
 * Numbers of people by which states know them, for programs that meet them. They have no check digits, or weak ones, and
 * look like other numbers: so they are not built in.
 */
export const packs = {
  us: { patterns: [{ name: 'us-ssn', pattern: '\\b[0-9]{3}-[0-9]{2}-[0-9]{4}\\b' }] },
  uk: {
    patterns: [
      { name: 'uk-nino', pattern: '\\b[A-CEGHJ-PR-TW-Z][A-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\\b' },
    ],
  },
  health: { names: ['diagnosis', 'medication', 'patient_name', 'mrn'] },
} as const satisfies Readonly<Record<string, RedactionPack>>;

export interface Redacting {
  readonly packs?: readonly RedactionPack[];
  /** Exact values, by the name that replaces them. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Values that were larger are cut here: it is for records, not for documents. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * A copy without what must not be recorded: texts as they are, other values as plain JSON. Built-in rules always apply.
 * Throws BAD_CONFIG for a name or pattern that is not taken; nothing for any value.
 */
export function redact<T>(value: T, options: Redacting = {}): T {
  const { packs: added = [], secrets = {} } = options;
  const redactor = createRedactor({
    names: added.flatMap(({ names = [] }) => names),
    patterns: added.flatMap(({ patterns = [] }) => patterns),
  });
  for (const [name, secret] of Object.entries(secrets)) redactor.setSecret(name, secret);
  if (typeof value === 'string') return redactor.redactText(value.toWellFormed()).value as unknown as T;
  return redactor.redactValue(capture(value, MOST_BYTES).value).value as T;
}
