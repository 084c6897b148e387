/** Proxy-Authorization: who a program says it is when it uses us as its proxy. The run token is the password. */
import { LIMITS } from '../../core/limits.ts';
import type { Claims } from '../../recorder/api.ts';

/** RFC 9110 section 11.1: a scheme, one space or more, token68. */
const CREDENTIALS = /^(basic|bearer) +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * `Basic base64("anything:TOKEN")` or `Bearer TOKEN`. Undefined: none of both, so whoever sent it meant to prove
 * something and failed.
 */
export function proxyClaims(authorization: string): Claims | undefined {
  if (authorization.length > LIMITS.requestHeaderBytes) return undefined;
  const [, scheme = '', value = ''] = CREDENTIALS.exec(authorization) ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { run_token: value };
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const token = text.slice(colon + 1);
  return colon === -1 || token === '' ? undefined : { run_token: token };
}

/** RFC 9110 section 11.7.1; programs such as curl only then say who they are. */
export const CHALLENGE = ['proxy-authenticate', 'Basic realm="tally run"'] as const;
