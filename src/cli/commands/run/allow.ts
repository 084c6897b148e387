/** The command that allows what was stopped for its host, so that nobody has to look it up. */
import { addressRefusal, isMetadataHost, parseAddress } from '../../../core/policy/address.ts';
import { formatHostPort } from '../../../core/policy/hosts.ts';

export interface Wanted {
  readonly host: string;
  readonly port: number | undefined;
  /** Undefined: a CONNECT, which does not say what is spoken inside. */
  readonly scheme: string | undefined;
  readonly reason: string | undefined;
}

/** The program chose the name and a person copies the command into a shell. */
const PLAIN = /^[A-Za-z0-9._:-]+$/;

/** Undefined: no line of a policy allows it. */
export function allowCommand({ host, port, scheme, reason }: Wanted): string | undefined {
  if (isMetadataHost(host) || !PLAIN.test(host)) return undefined;
  const isHttp = scheme === 'http' || (scheme === undefined && port === 80);
  const usual = isHttp ? 80 : 443;
  const isInternal = reason === 'ssrf_protection_blocked' || isLocal(host);
  // An address that no line makes reachable: to name the command would be a promise that is not kept.
  if (isInternal && parseAddress(host) !== undefined && addressRefusal(host, true) !== undefined)
    return undefined;
  const named = formatHostPort(host, port === usual ? undefined : port);
  return [
    'tally policy allow',
    host.includes(':') ? `'${named}'` : named,
    ...(isHttp ? ['--http'] : []),
    ...(isInternal ? ['--internal'] : []),
  ].join(' ');
}

function isLocal(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return parseAddress(host) !== undefined && addressRefusal(host, false) !== undefined;
}
