/** Which addresses a host may have, and the commands that open what is closed: for calls and for tunnels alike. */
import { addressRefusal, isMetadataAddress, isMetadataHost, parseAddress } from '../address.ts';
import { DEFAULT_PORT } from '../allowed-lines.ts';
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type KnownTarget, type LayerAnswer } from '../layer.ts';

/** True for hosts whose own name says that they are internal. */
function namesInside(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return parseAddress(host) !== undefined && addressRefusal(host, false) !== undefined;
}

/** The command that would let this call through. */
export function mend(to: KnownTarget, host: string, internal = namesInside(host)): string {
  const scheme = to.scheme ?? 'https';
  const port = to.port === undefined || to.port === DEFAULT_PORT[scheme] ? undefined : to.port;
  const flags = `${scheme === 'http' ? ' --http' : ''}${internal ? ' --internal' : ''}`;
  return `tally policy allow ${formatHostPort(host, port)}${flags}`;
}

/** The request names no host, or what it names is none. */
export function noHost(to: KnownTarget | undefined): LayerAnswer {
  return fail(
    'domain_not_in_allowlist',
    to === undefined
      ? 'the request names no host'
      : `${shown(String(to.target.host))} is not a host that can be called`,
  );
}

/** Whatever the policy says. */
export function neverReached(host: string): LayerAnswer | undefined {
  if (!isMetadataHost(host) && !isMetadataAddress(host)) return undefined;
  return fail(
    'ssrf_protection_blocked',
    `${host} is a cloud's metadata service, and nothing in the policy can allow it`,
  );
}

export interface Reach {
  /** The line of the policy that names the host, as it is recorded. */
  readonly line: string;
  readonly internal: boolean;
  /** What would let internal addresses through. */
  readonly opens: string;
}

/** Every address has to be one that may be connected to, the host itself too where it is one. */
export function checkAddresses(
  host: string,
  { line, internal, opens }: Reach,
  resolved: readonly string[] | undefined,
): LayerAnswer {
  const read = { allowlist_line: line };
  const literal = parseAddress(host) === undefined ? [] : [host];
  if (resolved?.length === 0)
    return fail('ssrf_protection_blocked', `${host} has no address that could be checked`, read);
  for (const address of [...literal, ...(resolved ?? [])]) {
    const kind = addressRefusal(address, internal);
    if (kind === undefined) continue;
    const what = address === host ? `${host} is` : `${host} resolves to ${shown(address)}, which is`;
    const words = kind === 'unparsable' ? 'no address' : `a ${kind.replaceAll('_', ' ')} address`;
    const openable = !internal && addressRefusal(address, true) === undefined;
    return fail(
      'ssrf_protection_blocked',
      `${what} ${words}; ${openable ? `if that is meant: ${opens}` : 'nothing in the policy can allow it'}`,
      read,
    );
  }
  return { result: 'pass', read };
}
