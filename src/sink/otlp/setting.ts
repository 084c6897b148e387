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

const few = (headers: object): boolean => Object.keys(headers).length <= LIMITS.otlpHeaders;
const name = z
  .string()
  .regex(HEADER, 'a name of a header')
  .refine((text) => !OWN.test(text), 'a header that requests to collectors have by themselves');

export const OtlpForwardSchema = z.strictObject({
  /** With a path it is asked as it stands; without one it is `/v1/logs` there. */
  url: WebUrlSchema,
  /** As they stand here. */
  headers: z
    .record(
      name.refine(
        (text) => !isSecret(text),
        'a credential: store it with `tally secrets set`, and name it in secret_headers',
      ),
      z
        .string()
        .max(1_024)
        .regex(/^[\x20-\x7e]*$/, 'printable ASCII'),
    )
    .refine(few, `at most ${LIMITS.otlpHeaders} headers`)
    .optional(),
  /** Header → name of the credential whose value it is, whole: `Bearer …` and all. */
  secret_headers: z
    .record(name, z.string().min(1).max(LIMITS.idChars))
    .refine(few, `at most ${LIMITS.otlpHeaders} headers`)
    .optional(),
  /** Where it begins the first time: with what is recorded from then on, or with the first entry of the log. */
  from: z.enum(['now', 'beginning']).optional(),
});
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
