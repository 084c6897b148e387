/**
 * Hosts in one form: lower-case ASCII (IDNA), no trailing dot, IPv4 in dotted decimal, IPv6 per RFC 5952 without
 * brackets, an IPv4-mapped IPv6 address as the IPv4 address it is. The policy's hosts and a request's host go through
 * the same function: an allowlist that compares two notations of one host is no allowlist.
 */
import { formatV4, parseAddress } from './address.ts';

export interface HostProblem {
  readonly problem: string;
  readonly hint?: string;
}
export type HostResult = { readonly host: string } | HostProblem;
export type HostPort = { readonly host: string; readonly port?: number };

/** RFC 1035 §2.3.4, as text. */
const HOST_CHARS = 253;
const LABEL_CHARS = 63;

/** A host that is already in its one form: most are, and `URL` costs a microsecond. */
const PLAIN_NAME = /^(?=.{1,253}$)[a-z_][a-z0-9_-]{0,62}(\.[a-z_][a-z0-9_-]{0,62})*$/;

/** What a person sees of text that may be anything. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function refusal(text: string): HostProblem | undefined {
  if (text === '') return { problem: 'the host is empty' };
  if (text.length > 4 * HOST_CHARS) return { problem: `the host ${shown(text)} is too long` };
  if (text.includes('*'))
    return {
      problem: `wildcards such as ${shown(text)} are not supported by this version`,
      hint: 'name each host exactly, one line each',
    };
  // `URL` drops tabs, newlines and invisible characters silently: what a person reads and what is matched would differ.
  if (/[\s\p{C}]/u.test(text))
    return { problem: `the host ${shown(text)} has spaces or invisible characters` };
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined)
    return { problem: `${shown(text)} has a scheme`, hint: `write the host alone, without ${scheme}` };
  if (text.includes('@'))
    return {
      problem: `${shown(text)} has a user name`,
      hint: 'write the host alone, without anything before @',
    };
  if (/[/\\?#]/.test(text))
    return { problem: `${shown(text)} has a path`, hint: 'write the host alone, without what follows it' };
  return undefined;
}

/** The one form of an IP literal, or undefined when `host` is a name. */
function addressForm(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const address = parseAddress(bare);
  if (address === undefined) return undefined;
  if (address.family === 4) return bare;
  const [a, b, c, d, e, f, g = 0, h = 0] = address.groups;
  const mapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
  return mapped ? formatV4(g * 65_536 + h) : bare;
}

/** `[…]` or bare IPv6, any IPv4 notation, or a name; without a port. */
export function normalizeHost(text: string): HostResult {
  if (PLAIN_NAME.test(text) && !text.includes('xn--')) return { host: text };
  const refused = refusal(text);
  if (refused !== undefined) return refused;
  const problem = { problem: `${shown(text)} is not a host name or an IP address` };
  if (text.includes('%')) return problem;
  const bareV6 = text.includes(':') && /^[0-9a-f:.]+$/i.test(text);
  const literal = bareV6 ? `[${text}]` : text;
  if (!URL.canParse(`http://${literal}/`)) return problem;
  const url = new URL(`http://${literal}/`);
  if (url.port !== '' || url.username !== '') return problem;
  const address = addressForm(url.hostname);
  if (address !== undefined) return { host: address };
  const name = url.hostname.replace(/\.$/, '');
  // Names end up in the messages and commands that we show to people: letters, digits, "-" and "_" only, so that a
  // host such as "$(id).example" can never be pasted into a shell, and none that starts like an option.
  const labels = name.split('.');
  const good = labels.every((label) => label.length <= LABEL_CHARS && /^[a-z0-9_][a-z0-9_-]*$/.test(label));
  return good && name.length <= HOST_CHARS ? { host: name } : problem;
}

/** "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address. */
export function parseHostPort(text: string): HostPort | HostProblem {
  const refused = refusal(text);
  if (refused !== undefined) return refused;
  // Two colons without brackets: an IPv6 address, which has no room for a port.
  const split = /^(\[[^\]]*\]|[^:]*)(?::([^:]*))?$/.exec(text);
  const result = normalizeHost(split?.[1] ?? text);
  if ('problem' in result) return result;
  const digits = split?.[2];
  if (digits === undefined) return result;
  const port = /^[1-9][0-9]{0,4}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65_535)
    return { problem: `${shown(text)} has no port between 1 and 65535 after the colon` };
  return { host: result.host, port };
}

/** The way parseHostPort reads it back. */
export function formatHostPort(host: string, port?: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}
