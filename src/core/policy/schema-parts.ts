/** What several sections of the policy file are made of. The messages complete "… has to be". */
import { z } from 'zod';
import { durationMs, durationText } from '../alert/duration.ts';
import { DECISION_OUTCOMES, type TIERS } from '../entry.ts';
import { LIMITS } from '../limits.ts';

export const name = z.string().min(1).max(LIMITS.idChars);
export const names = z.array(name);

/** Names of roles, rules and facts stand in messages and commands: plain words. */
const WORD = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
export const word = z
  .string()
  .regex(WORD, 'a word: a letter, then letters, digits, ".", "_" or "-", at most 64');

export const verdict = z.enum(['allow', 'stop']);
export const outcome = z.enum(DECISION_OUTCOMES);

export const HOST =
  'Host, "host:port", "*.example.com" (every name below it), or an IP address ("[v6]:port").';
export const host = z.string().describe(HOST);

const METHOD = /^[A-Za-z][A-Za-z0-9-]{0,31}$/;
export const method = z.string().regex(METHOD, 'a method such as GET');

/** Compared whole: one with a star in it would be had by nobody. */
export const scope = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:/-]*$/, 'one scope such as payments.write, without *')
  .max(LIMITS.scopeChars);

const DURATION = /^[1-9][0-9]{0,5}[smhd]$/;
const NONE_OR_DURATION = /^(0s|[1-9][0-9]{0,5}[smhd])$/;

/** "15m"; from a second on. `none`: "0s" is not at all. */
export const duration = (what: string, mostMs: number, { none = false } = {}) =>
  z
    .string()
    .regex(none ? NONE_OR_DURATION : DURATION, {
      error: 'a number and a unit: 30s, 15m, 6h, 1d',
      abort: true,
    })
    .refine((text) => (durationMs(text) ?? 0) <= mostMs, `at most ${durationText(mostMs)}`)
    .optional()
    .describe(`${what} A number and a unit: 30s, 15m, 6h, 1d.`);

const RATE = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,5})?([smhd])$/;

/** "60/m" is sixty in any minute, "6/10s" six in any ten seconds. */
export function rateOf(text: string): { readonly count: number; readonly window_ms: number } | undefined {
  const [, count = '', digits = '1', unit = ''] = RATE.exec(text) ?? [];
  const window_ms = durationMs(`${digits}${unit}`);
  return window_ms === undefined ? undefined : { count: Number(count), window_ms };
}

function isRate(text: string): boolean {
  const rate = rateOf(text);
  return rate !== undefined && rate.count <= LIMITS.windowCalls && rate.window_ms <= LIMITS.windowMs;
}

export const rate = z
  .string()
  .regex(RATE, { error: 'a number of calls and a time: 60/m, 6/10s', abort: true })
  .refine(isRate, `at most ${LIMITS.windowCalls} calls, in at most ${durationText(LIMITS.windowMs)}`)
  .describe('Calls in any stretch of time: "60/m" (a minute), "6/10s".');

const tierRule = z.strictObject({
  permission: outcome.optional().describe('Absent: what is said less specifically, and at last nothing.'),
  rate: rate.optional(),
});

/** `interactive:`, `subagent:`, `background:`, `api:`: what is said of calls of each tier. */
export const tiers = {
  interactive: tierRule.optional().describe('A person is waiting for it.'),
  subagent: tierRule.optional().describe('An agent that another one started.'),
  background: tierRule.optional().describe('Nobody is waiting for it.'),
  api: tierRule.optional().describe('A program that asks by itself.'),
} satisfies { readonly [tier in (typeof TIERS)[number]]: unknown };
export type FileTiers = z.infer<z.ZodObject<typeof tiers>>;

export const places = {
  projects: names.optional().describe('Absent: every project.'),
  environments: names.optional().describe('Absent: every environment.'),
};

/** Each has its bound, so that what looks through them ends. */
export function recordOf<T extends z.ZodType>(key: z.ZodType<string, string>, value: T, most: number) {
  return z
    .record(key, value)
    .refine((all) => Object.keys(all).length <= most, `a mapping of at most ${most}`);
}
