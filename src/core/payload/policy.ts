/** What is kept of a payload: by the machine's configuration, per type and class, else by where the event came in. */
import { z } from 'zod';
import type { Surface } from '../entry.ts';
import { LIMITS } from '../limits.ts';

/**
 * `none`: nothing. `hash`: a keyed hash of the bytes as they came. `redacted`: after all of redaction, and bounded.
 * `full`: only the exact values of known secrets are taken out.
 */
export const PAYLOAD_KEEPS = ['none', 'hash', 'redacted', 'full'] as const;
export type PayloadKeep = (typeof PAYLOAD_KEEPS)[number];

const TYPE_OR_ANY = /^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?)$/;
const CLASS_OR_ANY = /^(\*|[a-z][a-z0-9_]{0,63})$/;

const keep = z.enum(PAYLOAD_KEEPS);
const few = (rules: object): boolean => Object.keys(rules).length <= LIMITS.payloadRules;

/** `payloads` in config.yaml. */
export const PayloadSettingSchema = z.strictObject({
  /** Of a redacted payload at most this much is kept. */
  max_bytes: z.int().min(1).max(LIMITS.payloadBytes).optional(),
  /** type → what is kept, or class → what is kept. "*" is every other one. */
  keep: z
    .record(
      z.string().regex(TYPE_OR_ANY, 'a type such as tool.call, or "*"'),
      z.union([
        keep,
        z
          .record(z.string().regex(CLASS_OR_ANY, 'a class such as arguments, or "*"'), keep)
          .refine(few, `at most ${LIMITS.payloadRules}`),
      ]),
    )
    .refine(few, `at most ${LIMITS.payloadRules}`)
    .optional(),
});
export type PayloadSetting = z.infer<typeof PayloadSettingSchema>;

export interface PayloadPolicy {
  /** Bound of a redacted payload. */
  readonly maxBytes: number;
  keep(type: string, payloadClass: string, surface: Surface | 'import'): PayloadKeep;
}

/** Calls that the broker carries hold what people send to others; only what an agent reports of itself is kept unasked. */
const BY_SURFACE: Partial<Readonly<Record<Surface | 'import', PayloadKeep>>> = {
  sdk: 'redacted',
  mcp: 'redacted',
  hook: 'redacted',
  otlp: 'redacted',
  import: 'redacted',
};

const ANY = '*';

/** The nearest rule counts: of the type and class, of the type, of the class in any type, of any type; else the surface. */
export function payloadPolicy(setting: PayloadSetting = {}): PayloadPolicy {
  const rules = new Map(Object.entries(setting.keep ?? {}));

  function ruleFor(type: string, payloadClass: string): PayloadKeep | undefined {
    const rule = rules.get(type);
    if (rule === undefined || typeof rule === 'string') return rule;
    const classes = new Map(Object.entries(rule));
    return classes.get(payloadClass) ?? classes.get(ANY);
  }

  return {
    maxBytes: setting.max_bytes ?? LIMITS.payloadKeptBytes,
    keep: (type, payloadClass, surface) =>
      ruleFor(type, payloadClass) ?? ruleFor(ANY, payloadClass) ?? BY_SURFACE[surface] ?? 'none',
  };
}
