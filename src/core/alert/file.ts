/** `alerts` in the policy file: its shape, and how it is compiled. */
// reason for length: the shape, the defaults and the compiled form of each kind stand together
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { DEFAULT_RULES } from './defaults.ts';
import { durationMs, sizeBytes } from './duration.ts';
import {
  type AlertKind,
  type AlertPolicy,
  type AlertRule,
  DEDUPE_FIELDS,
  FIRST_SEEN_OF,
  RATE_BY,
  SEVERITIES,
  type Severity,
} from './rule.ts';

export const ALERT_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

const name = z.string().regex(ALERT_NAME, 'small letters, digits and -, at most 64');
const time = (what: string) =>
  z
    .string()
    .refine(isTime, 'a number and a unit, at most 365d: 90s, 10m, 6h, 1d')
    .optional()
    .describe(`${what} A number and a unit: 90s, 10m, 6h, 1d.`);
const patterns = (what: string) =>
  z
    .array(z.string().min(1).max(LIMITS.alertPatternChars))
    .max(LIMITS.alertPatterns)
    .optional()
    .describe(`${what} \`*\` stands for any text.`);
const count = (what: string) => z.int().min(1).max(LIMITS.alertCount).optional().describe(what);

function isTime(text: string): boolean {
  const ms = durationMs(text);
  return ms !== undefined && ms <= LIMITS.alertSpanMs;
}

const common = {
  name: name.describe('Unique. That of a default rule replaces it.'),
  severity: z.enum(SEVERITIES).optional().describe('Absent: what is usual for the kind.'),
  quiet: time('Without a match for this long an alert is closed.'),
  dedupe: z
    .array(z.enum(DEDUPE_FIELDS))
    .max(DEDUPE_FIELDS.length)
    .optional()
    .describe('Matches that agree in these are one alert. Empty: all of them are.'),
  destinations: z
    .array(name)
    .max(LIMITS.destinations)
    .optional()
    .describe('Names of destinations in config.yaml. Absent: all of them.'),
};
const { dedupe: _dedupe, ...withoutDedupe } = common;

const KINDS = {
  rate: z.strictObject({
    ...common,
    kind: z.literal('rate'),
    by: z.enum(RATE_BY),
    count: z.int().min(1).max(LIMITS.alertCount).describe('So many calls within the window are too many.'),
    window: time('Default 1m.'),
  }),
  sensitive: z.strictObject({
    ...common,
    kind: z.literal('sensitive'),
    endpoints: patterns('Of HOST/PATH.'),
    tools: patterns('Of names of tools.'),
    credentials: patterns('Of names of credentials.'),
    methods: z
      .array(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/))
      .max(LIMITS.alertPatterns)
      .optional()
      .describe('Of calls of endpoints. Absent: every method.'),
  }),
  policy_failures: z.strictObject({
    ...common,
    kind: z.literal('policy_failures'),
    count: count('So many stopped calls within the window are told. Default 3.'),
    window: time('Default 10m.'),
    rising: z
      .number()
      .min(1.1)
      .max(1_000)
      .optional()
      .describe('So many times as many as in the window before are told as rising. Default 3.'),
  }),
  anonymous: z.strictObject({
    ...common,
    kind: z.literal('anonymous'),
    count: count('Default 1.'),
    window: time('Default 10m.'),
  }),
  first_seen: z.strictObject({
    ...common,
    kind: z.literal('first_seen'),
    of: z.enum(FIRST_SEEN_OF),
    learn: time('After the first call of an agent nothing is new for this long. Default 1d.'),
  }),
  missing_run_end: z.strictObject({
    ...common,
    kind: z.literal('missing_run_end'),
    after: time('Default 1d.'),
  }),
  missing_post: z.strictObject({ ...common, kind: z.literal('missing_post'), after: time('Default 30m.') }),
  tool_drift: z.strictObject({ ...withoutDedupe, kind: z.literal('tool_drift') }),
  session_difference: z.strictObject({ ...withoutDedupe, kind: z.literal('session_difference') }),
  sequence_gap: z.strictObject({ ...withoutDedupe, kind: z.literal('sequence_gap') }),
  sink_failed: z.strictObject({ ...withoutDedupe, kind: z.literal('sink_failed') }),
  anchor_failed: z.strictObject({ ...withoutDedupe, kind: z.literal('anchor_failed') }),
  verification_failed: z.strictObject({
    ...withoutDedupe,
    kind: z.literal('verification_failed'),
    every: time('How often `tally up` verifies the log. Default 1d.'),
  }),
  disk_low: z.strictObject({
    ...withoutDedupe,
    kind: z.literal('disk_low'),
    free: z
      .string()
      .refine((text) => sizeBytes(text) !== undefined, 'a number and a unit: 500MiB, 2GiB')
      .optional()
      .describe('Less than this is too little. Default 1GiB.'),
  }),
  baseline_drift: z.strictObject({
    ...withoutDedupe,
    kind: z.literal('baseline_drift'),
    score: z.number().min(0).max(1).optional().describe('The least score that is told. Default 0.9.'),
  }),
} as const;

const rule = z.discriminatedUnion('kind', [
  KINDS.rate,
  KINDS.sensitive,
  KINDS.policy_failures,
  KINDS.anonymous,
  KINDS.first_seen,
  KINDS.missing_run_end,
  KINDS.missing_post,
  KINDS.tool_drift,
  KINDS.session_difference,
  KINDS.sequence_gap,
  KINDS.sink_failed,
  KINDS.anchor_failed,
  KINDS.verification_failed,
  KINDS.disk_low,
  KINDS.baseline_drift,
]);
type FileRule = z.infer<typeof rule>;

export const AlertsFileSchema = z.strictObject({
  defaults: z.boolean().optional().describe('The built-in rules of docs/alerts.md. Default true.'),
  off: z.array(z.string()).optional().describe('Names of built-in rules that are switched off.'),
  rules: z
    .array(rule)
    .max(LIMITS.alertRules)
    .nullish()
    .describe('Rules beside or instead of the built-in ones.'),
});
export type AlertsFile = z.infer<typeof AlertsFileSchema>;

/** The keys that may stand under `alerts` at a place, for "did you mean"; of a rule, those of its kind. */
export function alertKeysAt(path: readonly PropertyKey[], kind: unknown): readonly string[] {
  if (path.length === 1) return Object.keys(AlertsFileSchema.shape);
  const own = Object.entries(KINDS).find(([known]) => known === kind)?.[1];
  if (own !== undefined) return Object.keys(own.shape);
  return [...new Set(Object.values(KINDS).flatMap(({ shape }) => Object.keys(shape)))];
}

export const ALERT_KINDS: readonly string[] = Object.keys(KINDS);

const SEVERITY: Readonly<Record<AlertKind, Severity>> = {
  rate: 'warning',
  sensitive: 'warning',
  policy_failures: 'warning',
  anonymous: 'warning',
  first_seen: 'info',
  missing_run_end: 'info',
  missing_post: 'warning',
  tool_drift: 'warning',
  session_difference: 'warning',
  sequence_gap: 'critical',
  sink_failed: 'warning',
  anchor_failed: 'warning',
  verification_failed: 'critical',
  disk_low: 'critical',
  baseline_drift: 'warning',
};

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const QUIET = 30 * MINUTE;

function ms(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : (durationMs(text) ?? fallback);
}

function compileRule(file: FileRule): AlertRule {
  const { severity = SEVERITY[file.kind], quiet, destinations } = file;
  const base = {
    name: file.name,
    severity,
    quiet_ms: ms(quiet, QUIET),
    ...('dedupe' in file && file.dedupe !== undefined ? { dedupe: file.dedupe } : {}),
    ...(destinations === undefined ? {} : { destinations }),
  };
  switch (file.kind) {
    case 'rate':
      return { ...base, kind: file.kind, by: file.by, count: file.count, window_ms: ms(file.window, MINUTE) };
    case 'sensitive':
      return {
        ...base,
        kind: file.kind,
        endpoints: (file.endpoints ?? []).map(lowerHost),
        tools: file.tools ?? [],
        credentials: file.credentials ?? [],
        ...(file.methods === undefined ? {} : { methods: file.methods }),
      };
    case 'policy_failures':
      return {
        ...base,
        kind: file.kind,
        count: file.count ?? 3,
        window_ms: ms(file.window, 10 * MINUTE),
        rising: file.rising ?? 3,
      };
    case 'anonymous':
      return { ...base, kind: file.kind, count: file.count ?? 1, window_ms: ms(file.window, 10 * MINUTE) };
    case 'first_seen':
      return { ...base, kind: file.kind, of: file.of, learn_ms: ms(file.learn, DAY) };
    case 'missing_run_end':
      return { ...base, kind: file.kind, after_ms: ms(file.after, DAY) };
    case 'missing_post':
      return { ...base, kind: file.kind, after_ms: ms(file.after, 30 * MINUTE) };
    case 'tool_drift':
    case 'session_difference':
    case 'sequence_gap':
    case 'sink_failed':
    case 'anchor_failed':
      return { ...base, kind: file.kind };
    case 'verification_failed':
      return { ...base, kind: file.kind, every_ms: ms(file.every, DAY) };
    case 'disk_low':
      return { ...base, kind: file.kind, free_bytes: sizeBytes(file.free ?? '1GiB') ?? 0 };
    case 'baseline_drift':
      return { ...base, kind: file.kind, score: file.score ?? 0.9 };
  }
}

/** Hosts have no case; what comes after the first slash does. */
function lowerHost(pattern: string): string {
  const slash = pattern.indexOf('/');
  return slash === -1 ? pattern.toLowerCase() : pattern.slice(0, slash).toLowerCase() + pattern.slice(slash);
}

export interface AlertProblem {
  /** Below `alerts`. */
  readonly path: readonly PropertyKey[];
  readonly problem: string;
  readonly hint?: string;
  /** What was written, where it may be a misspelt name of one of these. */
  readonly meant?: { readonly name: string; readonly known: readonly string[] };
}

/** What the shape alone cannot tell goes to `complain`. */
export function compileAlerts(file: AlertsFile, complain: (problem: AlertProblem) => void): AlertPolicy {
  const defaults = file.defaults === false ? [] : DEFAULT_RULES;
  const known = DEFAULT_RULES.map((one) => one.name);
  for (const [i, off] of (file.off ?? []).entries())
    if (!known.includes(off))
      complain({
        path: ['off', i],
        problem: `there is no built-in rule ${JSON.stringify(off.slice(0, 80))}`,
        meant: { name: off, known },
      });
  const seen = new Set<string>();
  for (const [i, one] of (file.rules ?? []).entries()) {
    if (seen.has(one.name))
      complain({
        path: ['rules', i, 'name'],
        problem: `a second rule called ${one.name}`,
        hint: 'rename one',
      });
    seen.add(one.name);
    if (one.kind !== 'sensitive') continue;
    for (const [at, endpoint] of (one.endpoints ?? []).entries())
      if (endpoint.includes('://'))
        complain({
          path: ['rules', i, 'endpoints', at],
          problem: 'an endpoint is HOST/PATH, without https://',
          hint: 'endpoints: ["api.stripe.com/v1/refunds*"]',
        });
    const listed = [one.endpoints, one.tools, one.credentials].some((list) => (list ?? []).length > 0);
    if (!listed)
      complain({
        path: ['rules', i],
        problem: `the rule ${one.name} names nothing that is sensitive`,
        hint: 'give it endpoints, tools or credentials: endpoints: ["api.stripe.com/v1/refunds*"]',
      });
  }
  const off = new Set(file.off ?? []);
  return {
    rules: [
      ...defaults.filter((one) => !off.has(one.name) && !seen.has(one.name)),
      ...(file.rules ?? []).map(compileRule),
    ],
  };
}
