/**
 * Where alerts go, as `config.yaml` names it. Whatever lets somebody in stands there by name only, and lies in the vault:
 * the secret that signs, and the whole URL of services that put their secret into it.
 */
import { z } from 'zod';
import { SEVERITIES, type Severity } from '../core/alert/rule.ts';
import { LIMITS } from '../core/limits.ts';
import { WebUrlSchema } from '../net/web-url.ts';

/** `stderr` is that of `tally up`, and always there. */
export const OWN_DESTINATION = 'stderr';

const credential = z.string().min(1).max(LIMITS.idChars);
const common = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'small letters, digits and -, at most 64, not starting with -')
    .refine((name) => name !== OWN_DESTINATION, `another name: ${OWN_DESTINATION} is that of \`tally up\``),
  /** Nothing below it is sent there. */
  least: z.enum(SEVERITIES).optional(),
  /** Whether it is told that an alert is over; true when absent. */
  closes: z.boolean().optional(),
  /** The name of the credential whose value is the URL. */
  url_secret: credential.optional(),
};

const WebhookSchema = z
  .strictObject({
    ...common,
    type: z.literal('webhook'),
    url: WebUrlSchema.optional(),
    /** The credential that signs; several while it is replaced, each signs. */
    secret: z.union([credential, z.array(credential).min(1).max(LIMITS.webhookSecrets)]).optional(),
  })
  .refine(({ url, url_secret }) => (url === undefined) !== (url_secret === undefined), {
    path: ['url'],
    message: 'either `url`, or `url_secret` with the name of a credential',
  });
const SlackSchema = z.strictObject({ ...common, type: z.literal('slack'), url_secret: credential });

export const DestinationSettingSchema = z.discriminatedUnion('type', [WebhookSchema, SlackSchema]);
export type DestinationSetting = z.infer<typeof DestinationSettingSchema>;

export const AlertSettingsSchema = z.strictObject({
  /** Whether `tally up` looks for alerts at all. */
  enabled: z.boolean().optional(),
  destinations: z
    .array(DestinationSettingSchema)
    .max(LIMITS.destinations)
    .superRefine((all, context) => {
      all.forEach(({ name }, at) => {
        if (all.findIndex((other) => other.name === name) === at) return;
        context.addIssue({
          code: 'custom',
          path: [at, 'name'],
          message: `a second destination called ${name}`,
        });
      });
    })
    .optional(),
});

/** What the machine's configuration says of alerts. */
export interface AlertSettings {
  readonly enabled: boolean;
  readonly destinations: readonly DestinationSetting[];
}

/** Who is told of requests for approval, and where: each gets a link of their own. */
export const ApprovalSettingsSchema = z.strictObject({
  /** What links begin with; this machine's own address when absent, which opens on this machine alone. */
  url: WebUrlSchema.optional(),
  notify: z
    .array(
      z.strictObject({
        /** One of `alerts.destinations`. */
        destination: z.string(),
        /** A user of the policy. The link is theirs: whoever has it answers in their name. */
        approver: z.string().min(1).max(LIMITS.idChars),
      }),
    )
    .max(LIMITS.approvalNotices)
    .superRefine((all, context) => {
      all.forEach(({ destination }, at) => {
        if (all.findIndex((other) => other.destination === destination) === at) return;
        context.addIssue({
          code: 'custom',
          path: [at, 'destination'],
          message: `a second approver for ${destination}: a link is for one person`,
        });
      });
    })
    .optional(),
});
export type ApprovalSettings = z.infer<typeof ApprovalSettingsSchema>;

/** When the configuration says nothing. */
export const NO_DESTINATIONS: AlertSettings = { enabled: true, destinations: [] };

export const DESTINATION_KEYS: readonly string[] = [
  ...new Set([...Object.keys(WebhookSchema.shape), ...Object.keys(SlackSchema.shape)]),
];

/** Where it is, for people: of a URL its origin, since services put secrets into the rest. */
export function placeOf(setting: DestinationSetting): string {
  const { url_secret } = setting;
  if (url_secret !== undefined) return `the URL in ${url_secret}`;
  const url = setting.type === 'webhook' ? URL.parse(setting.url ?? '') : null;
  return url === null ? '?' : `${url.origin}/…`;
}

export function secretsOf(setting: DestinationSetting): readonly string[] {
  const signing = setting.type === 'webhook' ? (setting.secret ?? []) : [];
  const url = setting.url_secret === undefined ? [] : [setting.url_secret];
  return [...url, ...(typeof signing === 'string' ? [signing] : signing)];
}

/** Whether an alert goes there, by what its rule and the destination say. */
export function goesTo(
  { name, least = 'info', closes = true }: Pick<DestinationSetting, 'name' | 'least' | 'closes'>,
  alert: {
    readonly severity: Severity;
    readonly destinations?: readonly string[];
    readonly closes: boolean;
  },
): boolean {
  if (alert.destinations !== undefined && !alert.destinations.includes(name)) return false;
  if (alert.closes && !closes) return false;
  return SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf(least);
}
