/**
 * Where a call may go: a line of the allowlist has to name the host and port, the scheme has to be one the line
 * permits, and every resolved address has to be one that the outside world could reach too.
 */
import { addressRefusal, isMetadataAddress, isMetadataHost, parseAddress } from '../address.ts';
import type { AllowedHost } from '../compiled.ts';
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type KnownTarget, type Layer, type LayerAnswer, SKIP } from '../layer.ts';
import { isEnvironmentOnly } from './credential.ts';

const DEFAULT_PORT = { https: 443, http: 80 } as const;

/** True for hosts whose own name says that they are internal. */
function namesInside(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return parseAddress(host) !== undefined && addressRefusal(host, false) !== undefined;
}

/** The command that would let this call through. */
function mend(to: KnownTarget, host: string, internal = namesInside(host)): string {
  const scheme = to.scheme ?? 'https';
  const port = to.port === undefined || to.port === DEFAULT_PORT[scheme] ? undefined : to.port;
  const flags = `${scheme === 'http' ? ' --http' : ''}${internal ? ' --internal' : ''}`;
  return `tally policy allow ${formatHostPort(host, port)}${flags}`;
}

/** Of the lines that permit host, port and scheme, the one that permits most: the list is a union of grants. */
function permitting(lines: readonly AllowedHost[], to: KnownTarget): AllowedHost | undefined {
  let best: AllowedHost | undefined;
  for (const line of lines) {
    if (!portMatches(line, to) || (to.scheme !== 'https' && line.http !== true)) continue;
    if (best === undefined || (line.internal === true && best.internal !== true)) best = line;
  }
  return best;
}

function portMatches(line: AllowedHost, to: KnownTarget): boolean {
  if (line.port !== undefined) return line.port === to.port;
  return to.scheme !== undefined && to.port === DEFAULT_PORT[to.scheme];
}

function lineText(line: AllowedHost): string {
  const flags = `${line.http === true ? ' http' : ''}${line.internal === true ? ' internal' : ''}`;
  return formatHostPort(line.host, line.port) + flags;
}

function checkAddresses(
  host: string,
  line: AllowedHost,
  to: KnownTarget,
  resolved: readonly string[] | undefined,
): LayerAnswer {
  const internal = line.internal === true;
  const read = { allowlist_line: lineText(line) };
  const literal = parseAddress(host) === undefined ? [] : [host];
  if (resolved?.length === 0)
    return fail('ssrf_protection_blocked', `${host} has no address that could be checked`, read);
  for (const address of [...literal, ...(resolved ?? [])]) {
    const kind = addressRefusal(address, internal);
    if (kind === undefined) continue;
    const what = address === host ? `${host} is` : `${host} resolves to ${shown(address)}, which is`;
    const words = kind === 'unparsable' ? 'no address' : `a ${kind.replaceAll('_', ' ')} address`;
    const opens = !internal && addressRefusal(address, true) === undefined;
    return fail(
      'ssrf_protection_blocked',
      `${what} ${words}; ${opens ? `if that is meant: ${mend(to, host, true)}` : 'nothing in the policy can allow it'}`,
      read,
    );
  }
  return { result: 'pass', read };
}

export const allowlistLayer: Layer = {
  name: 'allowlist',
  evaluate({ inputs, policy, index, to, request }) {
    // A secret that is handed to a child process goes to no host; the credential layer lets it go only where the
    // policy says so by name.
    if (to === undefined && isEnvironmentOnly(request)) return SKIP;
    const host = to?.host;
    if (policy.allowlist.length === 0)
      return fail(
        'empty_allowlist',
        `the allowlist is empty, so every call is stopped${
          to === undefined || host === undefined ? '' : `; to let agents call ${host}: ${mend(to, host)}`
        }`,
      );
    if (to === undefined) return fail('domain_not_in_allowlist', 'the request names no host');
    if (host === undefined)
      return fail(
        'domain_not_in_allowlist',
        `${shown(String(to.target.host))} is not a host that can be called`,
      );
    if (isMetadataHost(host) || isMetadataAddress(host))
      return fail(
        'ssrf_protection_blocked',
        `${host} is a cloud's metadata service, and nothing in the policy can allow it`,
      );
    const lines = index.hosts.get(host);
    if (lines === undefined)
      return fail(
        'domain_not_in_allowlist',
        `${host} is not in the allowlist; to let agents call it: ${mend(to, host)}`,
      );
    const line = permitting(lines, to);
    if (line !== undefined) return checkAddresses(host, line, to, inputs.addresses);
    if (lines.some((l) => portMatches(l, to)))
      return fail(
        'non_https_blocked',
        `${host} may be called with https only; to let agents use http: ${mend(to, host)}`,
      );
    return to.scheme === undefined
      ? fail('non_https_blocked', `${host} may be called with https only`)
      : fail(
          'domain_not_in_allowlist',
          `${host} is in the allowlist, but not with port ${to.port}; to let agents call it: ${mend(to, host)}`,
        );
  },
};
