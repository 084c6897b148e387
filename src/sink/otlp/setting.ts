/**
 * Where entries go as log records of OpenTelemetry, as `otlp.forward` of `config.yaml` says. Headers that let somebody in
 * stand there by the names of credentials, whose values lie in the vault.
 */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { createSecretNames } from '../../core/redact/keys.ts';
import { WebUrlSchema } from '../../net/web-url.ts';

const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** What each request has anyway, or what would change whose it is. */
const OWN =
  /^(?:content-(?:type|length|encoding)|host|connection|transfer-encoding|upgrade|te|trailer|expect)$/i;
const isSecret = createSecretNames(['x api key']).has;

/** Nobody on the way reads along. */
function isPrivate(url: string): boolean {
  const { protocol, hostname } = URL.parse(url) ?? {};
  return protocol === 'https:' || /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname ?? '');
}

/** What is wrong with it as a header that stands in the file, or, `named`, as one whose value lies in the vault. */
function problemOf(name: string, named: boolean): string | undefined {
  if (!HEADER.test(name)) return 'this is no name of a header';
  if (OWN.test(name)) return 'requests to collectors have this header by themselves';
  if (named || !isSecret(name)) return undefined;
  return 'a credential: store it with `tally secrets set`, and name it in secret_headers';
}

const headers = <T extends z.ZodType<string>>(value: T, named: boolean) =>
  z.record(z.string(), value).superRefine((given, context) => {
    const names = Object.keys(given);
    if (names.length > LIMITS.otlpHeaders)
      context.addIssue({ code: 'custom', message: `at most ${LIMITS.otlpHeaders} headers` });
    for (const name of names) {
      const message = problemOf(name, named);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message });
    }
  });

const ForwardShape = z.strictObject({
  /** With a path it is asked as it stands; without one it is `/v1/logs` there. */
  url: WebUrlSchema,
  /** As they stand here. */
  headers: headers(
    z
      .string()
      .max(1_024)
      .regex(/^[\x20-\x7e]*$/, 'printable ASCII'),
    false,
  ).optional(),
  /** Header → name of the credential whose value it is, whole: `Bearer …` and all. */
  secret_headers: headers(z.string().min(1).max(LIMITS.idChars), true).optional(),
  /** Where it begins the first time: with what is recorded from then on, or with the first entry of the log. */
  from: z.enum(['now', 'beginning']).optional(),
});
export const FORWARD_KEYS = Object.keys(ForwardShape.shape);

export const OtlpForwardSchema = ForwardShape.refine(
  ({ url, secret_headers = {} }) => Object.keys(secret_headers).length === 0 || isPrivate(url),
  { path: ['url'], message: 'https, since a credential goes with it' },
);
export type OtlpForward = z.infer<typeof OtlpForwardSchema>;

/** The address that is asked. */
export function logsUrl({ url }: Pick<OtlpForward, 'url'>): string {
  const parsed = new URL(url);
  if (parsed.pathname === '/' || parsed.pathname === '') parsed.pathname = '/v1/logs';
  return parsed.href;
}

/** Where it is, for people: services put secrets into the rest. */
export function placeOf({ url }: Pick<OtlpForward, 'url'>): string {
  return `${URL.parse(url)?.origin ?? '?'}/…`;
}
