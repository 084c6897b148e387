/**
 * The shape of `tally.policy.yaml` that this version enforces, and the names of what it does not. The JSON Schema for
 * editors (`spec/policy.schema.json`) is generated from here.
 */
import { z } from 'zod';
import { AlertsFileSchema, alertKeysAt } from '../alert/file.ts';
import { INJECTION_STYLES } from '../entry.ts';
import { LIMITS } from '../limits.ts';
import { DURABILITIES } from './durability.ts';
import { bounds } from './schema-bounds.ts';
import { HOST, host, method, name, names, outcome, places, recordOf, verdict } from './schema-parts.ts';
import { who } from './schema-who.ts';

const path = z
  .string()
  .max(LIMITS.alertPatternChars)
  .regex(/^\/\S*$/, 'a path that begins with "/", such as /repos/**');

const allowlistLine = z
  .strictObject({
    host,
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('Absent: the default port of the scheme (443, or 80 with http).'),
    http: z.boolean().optional().describe('Plain http is allowed towards this host.'),
    ca: z
      .string()
      .min(1)
      .max(LIMITS.configPathChars)
      .optional()
      .describe(
        'PEM file of certificates that this host alone may be signed by, besides the usual ones. From the folder of this file.',
      ),
    internal: z
      .boolean()
      .optional()
      .describe('The host may resolve to loopback, private, link-local, CGNAT or unique local addresses.'),
    durability: z
      .enum(DURABILITIES)
      .optional()
      .describe(
        'What waits for the disk: "intent" (usual), nothing leaves before the pre_exec is durable; "reply", the answer waits for both entries; "async", nothing waits.',
      ),
    methods: z.array(method).min(1).max(LIMITS.allowlistParts).optional().describe('Absent: every method.'),
    paths: z
      .array(path)
      .min(1)
      .max(LIMITS.allowlistParts)
      .optional()
      .describe('"*" stands for any text within a segment, "**" across segments. Absent: every path.'),
    ...places,
  })
  .describe('One host, and what narrows it.');

const tunnelHost = z
  .strictObject({
    host,
    port: z.int().min(1).max(65_535).optional().describe('Absent: 443.'),
    internal: z.boolean().optional().describe('As in the allowlist.'),
  })
  .describe('One host.');

const credential = z.strictObject({
  hosts: z.array(host).optional().describe('Absent: every allowlisted host.'),
  agents: names.optional().describe('Agent ids. Absent: every caller.'),
  styles: z.array(z.enum(INJECTION_STYLES)).optional().describe('How it may be injected. Absent: every way.'),
  methods: z
    .record(method, outcome)
    .optional()
    .describe('Absent: every method. Otherwise a method that is not named is a stop.'),
  requires: z.literal('issued').optional().describe('Only callers whose token was checked.'),
});

export const PolicyFileSchema = z
  .strictObject({
    version: name.describe(
      'Recorded with its hash on every decision, for example "2026-11-20.1". In quotes.',
    ),
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
    facts: bounds.facts,
    allowlist: z
      .array(z.union([z.string().describe(HOST), allowlistLine]))
      .nullish()
      .describe('Deny by default: an empty or missing list stops every call.'),
    unlisted: z
      .enum(['block', 'tunnel'])
      .optional()
      .describe(
        'A program that uses the broker as its proxy connects to a host that nothing names. tunnel: its bytes pass unread, to port 443, and host, bytes and time are recorded. Default block.',
      ),
    tunnel: z
      .array(z.union([z.string().describe(HOST), tunnelHost]))
      .nullish()
      .describe(
        'Hosts whose bytes pass unread: nothing is seen of calls to them but host, bytes and time, and no credential goes there.',
      ),
    credentials: recordOf(name, credential, LIMITS.policyCredentials)
      .nullish()
      .describe('By the credential’s name.'),
    roles: who.roles,
    users: who.users,
    tools: who.tools,
    defaults: bounds.defaults,
    agents: who.agents,
    rules: bounds.rules,
    limits: bounds.limits,
    budgets: bounds.budgets,
    approvals: bounds.approvals,
    alerts: AlertsFileSchema.nullish().describe('What is told of while it happens (docs/alerts.md).'),
  })
  .describe('Tallystick policy');
export type PolicyFile = z.infer<typeof PolicyFileSchema>;

/**
 * Keys of the policy language that stand elsewhere or are not enforced by this version, with what to do. They are
 * refused: a limit that is written down and not enforced is worse than none.
 */
export const NOT_YET: Readonly<Record<string, string>> = {
  retention: 'how long entries are kept is set for the machine, in config.yaml (docs/retention.md)',
  baselines: 'remove "baselines": what is compared is said on the command line, tally baseline --help',
};

/** What a schema is of, below `.optional()` and the like. */
function inner(schema: unknown): unknown {
  let here = schema;
  while (here instanceof z.ZodOptional || here instanceof z.ZodNullable) here = here.unwrap();
  return here;
}

function below(schema: unknown, step: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, unknown>)[step];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return undefined;
}

/** The keys that may stand at a place of what a schema describes. */
export function keysIn(schema: z.ZodType, at: readonly PropertyKey[]): readonly string[] {
  let here: unknown = schema;
  for (const step of at) here = below(inner(here), step);
  here = inner(here);
  if (here instanceof z.ZodUnion) here = here.options.map(inner).find((one) => one instanceof z.ZodObject);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

/** Of the policy file, for "did you mean". `value`: what stands there. */
export function keysAt(at: readonly PropertyKey[], value?: unknown): readonly string[] {
  return at[0] === 'alerts'
    ? alertKeysAt(at, (value as { kind?: unknown } | undefined)?.kind)
    : keysIn(PolicyFileSchema, at);
}
