/**
 * The shape of `tally.policy.yaml` that this version enforces, and the names of what it does not. The JSON Schema for
 * editors (`spec/policy.schema.json`) is generated from here.
 */
import { z } from 'zod';
import { AlertsFileSchema, alertKeysAt } from '../alert/file.ts';
import { INJECTION_STYLES } from '../entry.ts';
import { LIMITS } from '../limits.ts';

const name = z.string().min(1).max(LIMITS.idChars);
const verdict = z.enum(['allow', 'stop']);
const HOST = 'Exact host, "host:port", or an IP address ("[v6]:port").';

const allowlistLine = z
  .strictObject({
    host: z.string().describe(HOST),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('Absent: the default port of the scheme (443, or 80 with http).'),
    http: z.boolean().optional().describe('Plain http is allowed towards this host.'),
    internal: z
      .boolean()
      .optional()
      .describe('The host may resolve to loopback, private, link-local, CGNAT or unique local addresses.'),
  })
  .describe('One host.');

const credential = z.strictObject({
  hosts: z.array(z.string().describe(HOST)).optional().describe('Absent: every allowlisted host.'),
  agents: z.array(name).optional().describe('Agent ids. Absent: every caller.'),
  styles: z.array(z.enum(INJECTION_STYLES)).optional().describe('How it may be injected. Absent: every way.'),
  methods: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), verdict)
    .optional()
    .describe('Absent: every method. Otherwise a method that is not named is a stop.'),
  requires: z.literal('issued').optional().describe('Only callers whose token was checked.'),
});

const agent = z.strictObject({
  requires: z.literal('issued').optional().describe('Nobody may merely claim to be this agent.'),
});

export const PolicyFileSchema = z
  .strictObject({
    version: z
      .string()
      .min(1)
      .max(LIMITS.idChars)
      .describe('Recorded with its hash on every decision, for example "2026-11-20.1". In quotes.'),
    mode: z
      .enum(['enforce', 'observe'])
      .optional()
      .describe(
        'observe records what would have been decided; only with allow_observe in the machine’s configuration.',
      ),
    identity: z
      .strictObject({
        anonymous: verdict.optional().describe('Callers that name nobody. Default allow.'),
        declared: verdict.optional().describe('Callers that name an agent without a token. Default allow.'),
      })
      .nullish(),
    allowlist: z
      .array(z.union([z.string().describe(HOST), allowlistLine]))
      .nullish()
      .describe('Deny by default: an empty or missing list stops every call.'),
    credentials: z.record(name, credential).nullish().describe('By the credential’s name.'),
    agents: z.record(name, agent).nullish().describe('By agent id.'),
    alerts: AlertsFileSchema.nullish().describe('What is told of while it happens (docs/alerts.md).'),
  })
  .describe('Tallystick policy');
export type PolicyFile = z.infer<typeof PolicyFileSchema>;

/**
 * Keys of the policy language that this version does not enforce, by the place they stand in. They are refused: a
 * limit that is written down and not enforced is worse than none.
 */
export const NOT_YET: Readonly<Record<'top' | 'allowlist' | 'agents', readonly string[]>> = {
  // biome-ignore format: one list
  top: [
    'rules', 'limits', 'budgets', 'approvals', 'roles', 'users', 'tools', 'defaults', 'facts', 'unlisted', 'tunnel',
    'retention', 'baselines',
  ],
  allowlist: ['methods', 'paths', 'projects', 'environments'],
  agents: ['credentials', 'tools', 'hosts'],
};

/** The keys that may stand at a place, for "did you mean". `value`: what stands there. */
export function keysAt(path: readonly PropertyKey[], value?: unknown): readonly string[] {
  const [first] = path;
  if (first === 'alerts') return alertKeysAt(path, (value as { kind?: unknown } | undefined)?.kind);
  if (first === undefined) return Object.keys(PolicyFileSchema.shape);
  if (first === 'allowlist') return Object.keys(allowlistLine.shape);
  if (first === 'credentials') return Object.keys(credential.shape);
  if (first === 'agents') return Object.keys(agent.shape);
  if (first === 'identity') return ['anonymous', 'declared'];
  return [];
}

/** Keys of the language that this version refuses at a place. */
export function notYetAt(path: readonly PropertyKey[]): readonly string[] {
  const [first] = path;
  if (first === undefined) return NOT_YET.top;
  return first === 'allowlist' || first === 'agents' ? NOT_YET[first] : [];
}
